"""What a call returns: lookups by name, imports, paths, and constants put through well-known functions."""

from __future__ import annotations

import ast
from collections.abc import Callable

from llama3_tools.gate import _names, _texts
from llama3_tools.gate._values import (
    LONGEST_NAME,
    LONGEST_TEXT,
    PATHS,
    UNKNOWN,
    UNSEEN,
    Const,
    Made,
    Reader,
    Ref,
    Row,
    Table,
    Value,
    Values,
    constants,
    member,
    texts_of,
)

_FOLDERS = {"pathlib.Path.home": "~", "pathlib.Path.cwd": "."}
_SAME_PATH = frozenset(
    {"os.path.expanduser", "os.path.abspath", "os.path.realpath", "os.path.normpath", "str", "os.fspath"}
)
_SAME_ITEMS = frozenset({"list", "tuple", "set", "sorted", "frozenset"})
_DERIVED = (
    "().joinpath",
    "().expanduser",
    "().resolve",
    "().absolute",
    "().with_name",
    "().with_suffix",
)


def returned(reader: Reader, node: ast.Call) -> Values:
    """Everything a call may return."""
    folded = _texts.method(reader, node)
    if folded is not None:
        return folded
    if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        tables = [value for value in reader(node.func.value) if isinstance(value, Table)]
        keys = reader.texts(node.args[0])
        entries = [entry for table in tables for key, entry in table.entries if key in keys]
        if entries:
            return frozenset[Value]().union(*entries)
    found: set[Value] = set()
    for value in reader(node.func):
        found |= _result(reader, value, node) if isinstance(value, Ref) else UNKNOWN
    return frozenset(found)


def _result(reader: Reader, function: Ref, node: ast.Call) -> Values:
    name = _names.canonical(function.name)
    special = _SPECIAL.get(name)
    if special is not None and node.args:
        return special(reader, node, name)
    if name in PATHS:
        return frozenset({Made(name, _path(reader, node.args))})
    if name in _FOLDERS:
        return frozenset({Made("pathlib.Path", _FOLDERS[name])})
    if name.endswith(_DERIVED):
        return _derived(reader, node)
    return frozenset({Made(name)}) if len(name) < LONGEST_NAME else UNKNOWN


def _getattr(reader: Reader, node: ast.Call, _: str) -> Values:
    if len(node.args) < 2:
        return UNKNOWN
    found = (member(reader(node.args[0]), name) for name in reader.texts(node.args[1]))
    return frozenset[Value]().union(*found) or UNKNOWN


def _imported(reader: Reader, node: ast.Call, name: str) -> Values:
    # `__import__("a.b")` gives `a`, unless a part of it is asked for.
    whole = name != "__import__" or any(keyword.arg == "fromlist" for keyword in node.keywords)
    texts = reader.texts(node.args[0])
    return constants(*(Ref(text if whole else text.partition(".")[0]) for text in texts))


def _joined_path(reader: Reader, node: ast.Call, _: str) -> Values:
    path = _path(reader, node.args)
    folder = reader(node.args[0])
    if all(isinstance(value, Ref | Made) and value.name.startswith("tempfile.") for value in folder):
        return folder if path and ".." not in path and len(node.args) > 1 else UNKNOWN
    return UNKNOWN if path is None else frozenset({Const(path)})


def _same_text(reader: Reader, node: ast.Call, _: str) -> Values:
    values = reader(node.args[0])
    kept: list[Value] = [Const(text) for text in texts_of(values)]
    # What makes a name of its own, such as a temporary file's, still tells where it is.
    kept += [value for value in values if isinstance(value, Ref) and "()" in value.name]
    return constants(*kept)


def _same_items(reader: Reader, node: ast.Call, name: str) -> Values:
    rows = [value for value in reader(node.args[0]) if isinstance(value, Row)]
    return constants(*rows) if rows else frozenset({Made(name)})


def _from_numbers(reader: Reader, node: ast.Call, _: str) -> Values:
    return constants(*map(Const, _texts.characters(reader(node.args[0]))))


def _from_bytes(reader: Reader, node: ast.Call, name: str) -> Values:
    rows = [value for value in reader(node.args[0]) if isinstance(value, Row)]
    if len(rows) != 1:
        return frozenset({Made(name)})
    numbers = [next(iter(item)) if len(item) == 1 else None for item in rows[0].items]
    data = [
        number.value
        for number in numbers
        if isinstance(number, Const) and isinstance(number.value, int) and 0 <= number.value < 256
    ]
    return frozenset({Const(bytes(data))}) if len(data) == len(numbers) else UNKNOWN


def _decoded(reader: Reader, node: ast.Call, name: str) -> Values:
    return _texts.decoded(name, reader(node.args[0]))


def _rotated(reader: Reader, node: ast.Call, _: str) -> Values:
    codec = reader.texts(node.args[1]) if len(node.args) > 1 else []
    return _texts.rotated(reader(node.args[0]), codec)


_SPECIAL: dict[str, Callable[[Reader, ast.Call, str], Values]] = {
    "getattr": _getattr,
    "__import__": _imported,
    "importlib.import_module": _imported,
    "os.path.join": _joined_path,
    "chr": _from_numbers,
    "bytes": _from_bytes,
    "bytearray": _from_bytes,
    "codecs.decode": _rotated,
    **dict.fromkeys(_SAME_PATH, _same_text),
    **dict.fromkeys(_SAME_ITEMS, _same_items),
    **dict.fromkeys(_texts.DECODERS, _decoded),
}


def _derived(reader: Reader, node: ast.Call) -> Values:
    if not isinstance(node.func, ast.Attribute):
        return UNKNOWN
    bases = reader.texts(node.func.value)
    tails = [reader.texts(argument) for argument in node.args]
    if not bases or not all(tails):
        return frozenset({Made("pathlib.Path")})
    if node.func.attr in {"with_name", "with_suffix"}:
        return frozenset(
            {Made("pathlib.Path", _renamed(bases[0], node.func.attr, tails[0][0] if tails else ""))}
        )
    return frozenset({Made("pathlib.Path", join(bases[0], *(tail[0] for tail in tails)))})


def _renamed(path: str, how: str, new: str) -> str:
    folder, slash, name = path.rpartition("/")
    return (
        f"{folder}{slash}{name.rpartition('.')[0] or name}{new}"
        if how == "with_suffix"
        else f"{folder}{slash}{new}"
    )


def _path(reader: Reader, arguments: list[ast.expr]) -> str | None:
    """The path that these parts make; parts out of sight are marked, `None` where all of them are."""
    found = [reader.texts(argument) for argument in arguments]
    if not arguments:
        return "."
    if not any(len(texts) == 1 for texts in found):
        return None
    return join(*(texts[0] if len(texts) == 1 else UNSEEN for texts in found))


def join(head: str, *tails: str) -> str:
    """`head` with `tails` below it, as a path."""
    path = head
    for tail in tails:
        path = tail if tail.startswith("/") else f"{path.rstrip('/')}/{tail}" if path else tail
    return path[:LONGEST_TEXT]
