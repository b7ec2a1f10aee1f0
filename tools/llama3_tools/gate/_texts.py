"""Text worked out from constants: what would be shown, looked up or opened."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import re
from collections.abc import Callable
from itertools import product

from llama3_tools.gate._values import (
    LONGEST_TEXT,
    MOST_VALUES,
    UNKNOWN,
    Built,
    Const,
    Made,
    Reader,
    Row,
    Unknown,
    Value,
    Values,
    constants,
    text_of,
    texts_of,
)

_MOST_VARIANTS = 8
_SIMPLE_FIELD = re.compile(r"\{(\w*)\}")
_SIMPLE_PERCENT = re.compile(r"%[sd]")
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64.b64decode": base64.b64decode,
    "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "binascii.a2b_base64": binascii.a2b_base64,
    "binascii.unhexlify": binascii.unhexlify,
    "bytes.fromhex": binascii.unhexlify,
    "bytearray.fromhex": binascii.unhexlify,
}


def text(value: str) -> Value:
    """A constant text, cut where it grows too long."""
    return Const(value[:LONGEST_TEXT])


def concatenated(left: Value, right: Value) -> Value:
    """`left + right`."""
    head, tail = text_of(left), text_of(right)
    if head is not None and tail is not None:
        return Const(head + tail) if len(head) + len(tail) <= LONGEST_TEXT else Unknown()
    if isinstance(left, Const) and isinstance(right, Const) and isinstance(left.value, bytes):
        if isinstance(right.value, bytes) and len(left.value) + len(right.value) <= LONGEST_TEXT:
            return Const(left.value + right.value)
        return Unknown()
    if isinstance(left, Built):
        return left
    if isinstance(right, Built) and head is not None:
        return Built(head + right.head)
    return Built(head) if head is not None else Unknown()


def interpolated(left: Value, right: Value) -> Value:
    """`left % right`."""
    pattern = text_of(left)
    if pattern is None:
        return left if isinstance(left, Built) else Unknown()
    pieces = [_only(item) for item in right.items] if isinstance(right, Row) else [_shown(right)]
    fields = _SIMPLE_PERCENT.findall(pattern)
    if len(fields) != len(pieces) or len(fields) != pattern.count("%"):
        return Built(pattern)
    return _filled(_SIMPLE_PERCENT, pattern, pieces)


def joined(reader: Reader, node: ast.JoinedStr) -> Values:
    """An f-string."""
    variants = [""]
    for part in node.values:
        source = part.value if isinstance(part, ast.FormattedValue) else part
        values = reader(source)
        shown = [_shown(value) for value in values]
        if len(variants) * len(shown) > _MOST_VARIANTS or any(piece is None for piece in shown):
            heads = _heads(values)
            return frozenset(Built((known + head)[:LONGEST_TEXT]) for known in variants for head in heads)
        variants = [known + (piece or "") for known, piece in product(variants, shown)]
    return frozenset(text(variant) for variant in variants)


def _heads(values: Values) -> set[str]:
    return {value.head for value in values if isinstance(value, Built)} or {""}


def _shown(value: Value) -> str | None:
    """How a constant looks inside other text."""
    if isinstance(value, Const) and isinstance(value.value, int | float | str):
        return (
            str(value.value)[:LONGEST_TEXT]
            if not isinstance(value.value, int) or value.value < 10**300
            else None
        )
    return text_of(value)


def _only(values: Values) -> str | None:
    return _shown(next(iter(values))) if len(values) == 1 else None


def _filled(field: re.Pattern[str], pattern: str, pieces: list[str | None]) -> Value:
    """`pattern` with its fields filled, up to the first one that is not in sight."""
    made, end = "", 0
    for match, piece in zip(field.finditer(pattern), pieces, strict=True):
        made += pattern[end : match.start()]
        if piece is None:
            return Built(made[:LONGEST_TEXT])
        made, end = (made + piece)[: 2 * LONGEST_TEXT], match.end()
    return text(made + pattern[end:])


def decoded(name: str, values: Values) -> Values:
    """What a decoder of the standard library makes of a constant."""
    found: list[Value] = []
    for value in values:
        source = value.value if isinstance(value, Const) else None
        data = source.encode("ascii", "replace") if isinstance(source, str) else source
        if isinstance(data, bytes) and name in DECODERS:
            try:
                found.append(Const(DECODERS[name](data)))
            except (ValueError, binascii.Error):
                continue
    return constants(*found)


def rotated(values: Values, codec: list[str]) -> Values:
    """`codecs.decode(text, "rot13")`."""
    if not {"rot13", "rot_13", "rot-13"} & set(codec):
        return UNKNOWN
    return constants(*(text(codecs.decode(known, "rot13")) for known in texts_of(values)))


def characters(values: Values) -> list[str]:
    """The characters with these numbers."""
    return [
        chr(value.value)
        for value in values
        if isinstance(value, Const) and isinstance(value.value, int) and 0 < value.value < 0xD800
    ]


def method(reader: Reader, node: ast.Call) -> Values | None:
    """What a method of a constant text returns; `None` where the object is no constant text."""
    if not isinstance(node.func, ast.Attribute):
        return None
    bases = [value for value in reader(node.func.value) if isinstance(value, Const | Built)]
    if not bases or len(bases) > MOST_VALUES // 4 or len(bases) != len(reader(node.func.value)):
        return None
    found = [_method(reader, base, node.func.attr, node) for base in bases]
    if any(values is None for values in found):
        return None
    return frozenset[Value]().union(*(values for values in found if values is not None))


def _method(reader: Reader, base: Const | Built, name: str, node: ast.Call) -> Values | None:
    if isinstance(base, Built):
        return frozenset({base}) if name in {"format", "replace", "strip", "join"} else None
    if isinstance(base.value, bytes) and name == "decode":
        return frozenset({text(base.value.decode("utf-8", "replace"))})
    if isinstance(base.value, str) and name == "encode":
        return frozenset({Const(base.value.encode("utf-8", "replace"))})
    if not isinstance(base.value, str):
        return None
    if name == "join" and node.args:
        return _join(reader, base.value, node.args[0])
    if name == "format":
        return frozenset({_formatted(reader, base.value, node)})
    if name == "replace" and len(node.args) == 2:
        return _replaced(reader, base.value, node)
    return _simple(base.value, name) if not node.args else None


def _simple(base: str, name: str) -> Values | None:
    simple = {"lower": base.lower, "upper": base.upper, "strip": base.strip, "swapcase": base.swapcase}
    return frozenset({text(simple[name]())}) if name in simple else None


def _replaced(reader: Reader, base: str, node: ast.Call) -> Values:
    old, new = (reader.texts(argument) for argument in node.args)
    if len(old) == 1 and len(new) == 1 and len(base) * len(new[0]) < 100 * LONGEST_TEXT:
        return frozenset({text(base.replace(old[0], new[0]))})
    return frozenset({Built(base)})


def _formatted(reader: Reader, base: str, node: ast.Call) -> Value:
    """`base.format(...)` of constants, for fields without a format of their own."""
    positional = [_only(reader(argument)) for argument in node.args]
    named = {keyword.arg: _only(reader(keyword.value)) for keyword in node.keywords}
    fields = _SIMPLE_FIELD.findall(base)
    if base.count("{") != len(fields):
        return Built(base)
    pieces = [
        named.get(field)
        if not field.isdigit() and field
        else positional[index]
        if (index := int(field) if field and len(field) < 3 else number) < len(positional)
        else None
        for number, field in enumerate(fields)
    ]
    return _filled(_SIMPLE_FIELD, base, pieces)


def _join(reader: Reader, glue: str, node: ast.expr) -> Values:
    """`glue.join(...)` of what is written out, here or under a name, with `map` and one comprehension."""
    pieces = _pieces(reader, node)
    if pieces is None:
        return UNKNOWN
    shown = [_only(piece) for piece in pieces]
    if all(piece is not None for piece in shown):
        return frozenset({text(glue.join(piece or "" for piece in shown))})
    head = shown[0] if shown else None
    return frozenset({Built(head)}) if head is not None else UNKNOWN


def _pieces(reader: Reader, node: ast.expr) -> tuple[Values, ...] | None:
    if isinstance(node, ast.Call) and len(node.args) == 1 and "reversed" in reader.names(node.func):
        pieces = _pieces(reader, node.args[0])
        return None if pieces is None else pieces[::-1]
    if isinstance(node, ast.Call) and len(node.args) == 2 and "map" in reader.names(node.func):
        return _mapped(reader, node.args[0], node.args[1])
    if isinstance(node, ast.GeneratorExp | ast.ListComp) and len(node.generators) == 1:
        element, source = node.elt, node.generators[0].iter
        if isinstance(element, ast.Call) and len(element.args) == 1:
            return _mapped(reader, element.func, source)
        # So many of the same constant: one of them tells what is in the text.
        return (reader(element),) if isinstance(element, ast.Constant) else None
    rows = [value for value in reader(node) if isinstance(value, Row)]
    if len(rows) == 1:
        return rows[0].items
    texts = reader.texts(node)
    return tuple(frozenset({Const(letter)}) for letter in texts[0]) if len(texts) == 1 else None


def _mapped(reader: Reader, function: ast.expr, source: ast.expr) -> tuple[Values, ...] | None:
    rows = [value for value in reader(source) if isinstance(value, Row)]
    numbers = [value.value for value in reader(source) if isinstance(value, Const)]
    if len(numbers) == 1 and isinstance(numbers[0], bytes):
        rows = [Row(tuple(frozenset({Const(byte)}) for byte in numbers[0]))]
    if len(rows) != 1 or not {"chr", "str"} & set(reader.names(function)):
        return None
    if "str" in reader.names(function):
        return rows[0].items
    return tuple(constants(*map(Const, characters(item))) for item in rows[0].items)


def sliced(value: Value, part: ast.Slice, bounds: list[Values]) -> Value:
    """`text[a:b:c]` of a constant."""
    source = text_of(value) if not isinstance(value, Made) else None
    ends = [
        _bound(node, values) for node, values in zip((part.lower, part.upper, part.step), bounds, strict=True)
    ]
    if source is None or any(end is False for end in ends) or ends[2] == 0:
        return Built("") if isinstance(value, Built) else Unknown()
    lower, upper, step = (None if end is None else int(end) for end in ends)
    return Const(source[lower:upper:step])


def _bound(node: ast.expr | None, values: Values) -> int | bool | None:
    """The end of a slice: `None` where it is not written, `False` where it is not constant."""
    if node is None:
        return None
    numbers = [value.value for value in values if isinstance(value, Const) and type(value.value) is int]
    return numbers[0] if len(numbers) == len(values) == 1 else False
