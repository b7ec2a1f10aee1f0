"""Calls judged by their arguments: paths, addresses, modes, queries and names looked up."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from llama3_tools.gate import _names, _paths
from llama3_tools.gate._resolve import Built, Const, Ref
from llama3_tools.gate._syntax import Cell, Report

_DELETERS = frozenset({"os.remove", "os.unlink", "os.rmdir"})
_MOVERS = frozenset({"os.rename", "os.renames", "os.replace", "shutil.move"})
_COPIERS = frozenset({"shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree"})
_MAKERS = frozenset({"os.mkdir", "os.makedirs", "os.truncate", "zipfile.ZipFile", "tarfile.open"})
_OPENERS = frozenset(
    {"open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "os.open", "fileinput.input"}
)
_SILENT = frozenset({"print", "len", "str", "repr", "hash", "type", "isinstance"})
_TEXT_METHODS = _names.words(
    "startswith endswith replace split join strip append add info debug warning error write "
    "count find index format title set_title suptitle text xlabel ylabel annotate legend "
    "contains match search fullmatch sub compile"
)
_PATH_READERS = frozenset({"read_text", "read_bytes", "open", "iterdir", "rglob"})
_PATH_WRITERS = frozenset({"write_text", "write_bytes", "touch", "mkdir"})
_SAVERS = re.compile(
    r"^(to_(csv|json|excel|parquet|pickle|html|feather|hdf|stata|xml|latex|markdown)|savefig|save|savez|savetxt|tofile|dump)$"
)
_QUERIES = frozenset({"execute", "executemany", "executescript", "read_sql", "read_sql_query", "raw"})
_SQL = re.compile(
    r"^\s*(select|insert|update|delete|drop|alter|create|replace|truncate|merge|with)\b", re.IGNORECASE
)
_EXPRESSIONS = frozenset({"eval", "query"})
_ESCAPE = re.compile(r"__\w+__|@\s*(os|sys|subprocess|pd|np|__)\b")


def check_call(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """Everything that only a call's arguments tell."""
    if not isinstance(node, ast.Call):
        return
    names = set(cell.resolve.names(node.func))
    for judge in _JUDGES:
        yield from judge(cell, node, names)


def _judge_lookup(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """`getattr` on a module by a name that is not in sight, or by one that is dangerous."""
    if not names & {"getattr", "operator.attrgetter", "operator.methodcaller", "setattr"} or not node.args:
        return
    is_getattr = "getattr" in names
    key = node.args[1] if is_getattr and len(node.args) > 1 else node.args[0]
    for text in cell.resolve.texts(key):
        if set(text.split(".")) & _names.INTERNALS:
            yield Report("dynamic.internals", node.lineno, text)
    if is_getattr and any(not isinstance(value, Const) for value in cell.resolve(key)):
        for name in cell.resolve.names(node.args[0]):
            if name in _names.ROOTS:
                yield Report("dynamic.module", node.lineno, name)
    for value in cell.resolve(node):
        hit = _names.lookup(value.name) if isinstance(value, Ref) and is_getattr else None
        if hit:
            yield Report(hit[0], node.lineno, hit[1])


def _judge_method(_: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Methods that tell what they do on whatever object."""
    function = node.func
    if not isinstance(function, ast.Attribute) or function.attr not in _names.CALLED:
        return
    if any(_names.lookup(name) for name in names) or "platform.system" in names:
        return
    needs_argument = function.attr in {"system", "popen", "rmtree"}
    if node.args or not needs_argument:
        yield Report(_names.CALLED[function.attr], node.lineno, function.attr)


def _judge_delete(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    name = next(iter(names & _DELETERS), None)
    if name and (not node.args or not _is_local(cell, node.args[0])):
        yield Report("files.delete", node.lineno, name)
    function = node.func
    unlinks = isinstance(function, ast.Attribute) and function.attr == "unlink" and not name
    if isinstance(function, ast.Attribute) and unlinks and not _is_local(cell, function.value):
        yield Report("files.delete", node.lineno, "pathlib.Path.unlink")


def _is_local(cell: Cell, node: ast.AST) -> bool:
    """Whether a path is in sight and lies in the working directory (or a folder meant for data)."""
    values, texts = cell.resolve(node), cell.resolve.texts(node)
    return len(values) == len(texts) and not any(_paths.is_outside(text) for text in texts)


def _judge_write(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    for name, target in _written(cell, node, names):
        texts = cell.resolve.texts(target)
        if any(map(_paths.is_startup, texts)):
            yield Report("persistence.startup", node.lineno, name)
        elif any(map(_paths.is_outside, texts)):
            yield Report("files.outside", node.lineno, name)


def _written(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[tuple[str, ast.AST]]:
    """Each path the call writes to, and the name of the writer."""
    name = next(iter(sorted(names)), "")
    if names & (_MOVERS | _COPIERS):
        yield from ((name, argument) for argument in node.args[0 if names & _MOVERS else 1 : 2])
    if (
        names & _MAKERS
        and node.args
        and (names & {"os.mkdir", "os.makedirs", "os.truncate"} or _writes(cell, node))
    ):
        yield name, node.args[0]
    if names & _OPENERS and node.args and _writes(cell, node):
        yield name, node.args[0]
    function = node.func
    if isinstance(function, ast.Attribute) and not names & _OPENERS:
        if function.attr in _PATH_WRITERS or (function.attr == "open" and _writes(cell, node, position=0)):
            yield f"pathlib.Path.{function.attr}", function.value
        elif function.attr in {"extractall", "extract"}:
            yield from ((function.attr, argument) for argument in [*node.args, *_paths_given(node)])
        elif _SAVERS.match(function.attr) and node.args:
            yield function.attr, node.args[0]


def _paths_given(node: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in node.keywords if keyword.arg in {"path", "members"}]


def _writes(cell: Cell, node: ast.Call, position: int = 1) -> bool:
    modes = [keyword.value for keyword in node.keywords if keyword.arg in {"mode", "flags"}]
    modes += node.args[position : position + 1]
    texts = [text for mode in modes for text in cell.resolve.texts(mode)]
    unclear = [mode for mode in modes if not cell.resolve.texts(mode)]
    return bool(unclear) or any(set(text) & set("wax+") for text in texts)


def _judge_read(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Secrets of the host and addresses on the network, wherever they are handed to something that opens."""
    if names & _SILENT or (isinstance(node.func, ast.Attribute) and node.func.attr in _TEXT_METHODS):
        return
    shown = _shown(node, names)
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    if isinstance(node.func, ast.Attribute) and node.func.attr in _PATH_READERS:
        arguments.append(node.func.value)
    for text in {text for argument in arguments for text in cell.resolve.texts(argument)}:
        if len(text) < 300 and "\n" not in text and _paths.is_secret(text):
            yield Report("credentials.file", node.lineno, shown)
        elif _paths.is_web(text) and _reads(node, names):
            yield Report("network.url", node.lineno, shown)


def _shown(node: ast.Call, names: set[str]) -> str:
    known = sorted(names)
    if known and "()" not in known[0]:
        return known[0]
    return node.func.attr if isinstance(node.func, ast.Attribute) else "This"


def _reads(node: ast.Call, names: set[str]) -> bool:
    attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    short = {name.rpartition(".")[2] for name in names} | {attribute}
    return any(word.startswith(("read_", "load", "imread", "genfromtxt", "open")) for word in short)


def _judge_loaders(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Loaders that are safe with the right keyword."""
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    if names & {"numpy.load"} and _is_true(cell, given.get("allow_pickle")):
        yield Report("deserialise.pickle", node.lineno, "numpy.load")
    if names & {"torch.load"} and not _is_true(cell, given.get("weights_only")):
        yield Report("deserialise.pickle", node.lineno, "torch.load")
    name = next(iter(names & {"yaml.load", "yaml.load_all"}), None)
    loader = given.get("Loader") or (node.args[1] if len(node.args) > 1 else None)
    if name and not (
        loader
        and set(cell.resolve.names(loader)) & {"yaml.SafeLoader", "yaml.CSafeLoader", "yaml.BaseLoader"}
    ):
        yield Report("deserialise.yaml", node.lineno, name)


def _is_true(cell: Cell, node: ast.AST | None) -> bool:
    return node is not None and Const(True) in cell.resolve(node)


def _judge_permissions(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    if names & {"os.chdir"} and not (node.args and _is_local(cell, node.args[0])):
        yield Report("privilege.change", node.lineno, "os.chdir")
    if names & {"os.chmod"} and not (
        node.args and _is_local(cell, node.args[0]) and not _is_setuid(cell, node)
    ):
        yield Report("privilege.change", node.lineno, "os.chmod")


def _is_setuid(cell: Cell, node: ast.Call) -> bool:
    modes = [value for argument in node.args[1:2] for value in cell.resolve(argument)]
    return any(
        not isinstance(mode, Const) or not isinstance(mode.value, int) or mode.value & 0o6000
        for mode in modes
    )


def _judge_query(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """SQL put together from strings."""
    short = {name.rpartition(".")[2] for name in names}
    attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if not node.args or not (short | {attribute}) & _QUERIES:
        return
    if any(isinstance(value, Built) and _SQL.match(value.head) for value in cell.resolve(node.args[0])):
        yield Report("sql.string", node.lineno)


def _judge_expressions(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Code hidden in the text of `DataFrame.eval` and `query`, and in that of `timeit`."""
    attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    is_timer = bool(names & {"timeit.timeit", "timeit.repeat", "timeit.Timer", "cProfile.run"})
    if attribute not in _EXPRESSIONS and not is_timer:
        return
    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
        for text in cell.resolve.texts(argument):
            if _ESCAPE.search(text) or (is_timer and _has_danger(text)):
                yield Report("dynamic.eval", node.lineno, attribute or "timeit")


def _has_danger(text: str) -> bool:
    words = re.findall(r"\w+", text)
    return bool(set(words) & (_names.ROOTS | {"eval", "exec", "socket", "requests"}))


def _judge_hash(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    if names & {"hashlib.new"} and node.args:
        for text in cell.resolve.texts(node.args[0]):
            if text.lower() in {"md5", "sha1", "md4"}:
                yield Report("crypto.weak", node.lineno, f"hashlib.{text.lower()}")


def _judge_startup(_: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    constants = [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
    if names & {"sys.path.insert", "site.addsitedir"} and any(text.startswith("/") for text in constants):
        yield Report("persistence.startup", node.lineno, next(iter(names)))


Judge = Callable[[Cell, ast.Call, set[str]], Iterator[Report]]
_JUDGES: tuple[Judge, ...] = (
    _judge_lookup,
    _judge_method,
    _judge_delete,
    _judge_write,
    _judge_read,
    _judge_loaders,
    _judge_permissions,
    _judge_query,
    _judge_expressions,
    _judge_hash,
    _judge_startup,
)
