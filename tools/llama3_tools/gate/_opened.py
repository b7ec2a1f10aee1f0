"""Calls judged by the paths and addresses they are given: read, written, removed, made runnable."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from llama3_tools.gate import _names, _paths
from llama3_tools.gate._cell import Cell, Report, attribute_of, is_constant, is_true
from llama3_tools.gate._values import UNSEEN, Built, Const, Made, Ref, Values, texts_of

_DELETERS = frozenset({"os.remove", "os.unlink", "os.rmdir"})
_MOVERS = frozenset({"os.rename", "os.renames", "os.replace", "shutil.move"})
_COPIERS = frozenset({"shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree"})
_ALWAYS = frozenset(
    {
        "os.mkdir",
        "os.makedirs",
        "os.truncate",
        "sqlite3.connect",
        "logging.FileHandler",
        "shutil.make_archive",
    }
)
_MAKERS = _ALWAYS | {"zipfile.ZipFile", "tarfile.open", "h5py.File"}
_OPENERS = frozenset(
    {"open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "os.open", "fileinput.input"}
    | {"io.FileIO", "os.fdopen"}
)
_SILENT = frozenset({"print", "len", "str", "repr", "hash", "type", "isinstance"})
_TEXT_METHODS = _names.words(
    "startswith endswith replace split join strip append add info debug warning error write "
    "count find index format title set_title suptitle text xlabel ylabel annotate legend "
    "contains match search fullmatch sub compile"
)
_PATH_READERS = frozenset({"read_text", "read_bytes", "open", "iterdir", "rglob"})
_PATH_WRITERS = frozenset({"write_text", "write_bytes", "touch", "mkdir"})
_PATH_REMOVERS = frozenset({"unlink", "rmdir"})
_SAVERS = re.compile(
    r"^(to_(csv|json|excel|parquet|pickle|html|feather|hdf|stata|xml|latex|markdown)|savefig|save|savez|savetxt|tofile|"
    r"write_(csv|html|image|json|parquet)|dump)$"
)
_TEMPORARY = (
    "tempfile.NamedTemporaryFile()",
    "tempfile.mkstemp()",
    "tempfile.mkdtemp()",
    "tempfile.Temporary",
)


def judge_delete(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Files removed that are not known to lie in the working directory."""
    name = next(iter(names & _DELETERS), None)
    if name and (not node.args or not is_local(cell, node.args[0])):
        yield Report("files.delete", node.lineno, name)
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr in _PATH_REMOVERS and not name:
        values = cell.resolve(function.value)
        is_path = function.attr == "unlink" or any(isinstance(value, Made) and value.path for value in values)
        if is_path and not is_local(cell, function.value):
            yield Report("files.delete", node.lineno, f"pathlib.Path.{function.attr}")


def is_local(cell: Cell, node: ast.AST) -> bool:
    """Whether a path is in sight and lies in the working directory (or a folder meant for data)."""
    return all(map(_is_local, cell.resolve(node)))


def _is_local(value: object) -> bool:
    if isinstance(value, Ref):
        return value.name.startswith(_TEMPORARY)
    if isinstance(value, Built):
        # A name in the working directory, of which only the end is not in sight.
        return re.match(r"\w", value.head) is not None and "/" not in value.head
    text = value.value if isinstance(value, Const) else value.path if isinstance(value, Made) else None
    if isinstance(value, Made) and value.name.startswith("tempfile."):
        return True
    return isinstance(text, str) and UNSEEN not in text and not _paths.is_outside(text)


def judge_write(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """What is written outside the working directory, or where it would run by itself."""
    for name, target in _written(cell, node, names):
        starts = [*texts_of(target), *(value.head for value in target if isinstance(value, Built))]
        if any(map(_paths.is_startup, starts)):
            yield Report("persistence.startup", node.lineno, name)
        elif any(map(_paths.is_web, starts)):
            yield Report("network.write", node.lineno, name)
        elif any(map(_paths.is_outside, starts)):
            yield Report("files.outside", node.lineno, name)


def _written(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[tuple[str, Values]]:
    """Each path the call writes to, and the name of the writer."""
    name = min(names, default="")
    if names & _MOVERS:
        yield name, cell.argument(node, 0, "src")
    if names & (_MOVERS | _COPIERS):
        yield name, cell.argument(node, 1, "dst")
    if names & _MAKERS and (names & _ALWAYS or _writes(cell, node)):
        yield name, cell.argument(node, 0, "filename", "name", "file", "database")
    if names & _OPENERS and _writes(cell, node):
        yield name, cell.argument(node, 0, "file", "files", "filename")
    if names & {"logging.basicConfig"}:
        yield name, cell.given(node).get("filename", frozenset())
    if isinstance(node.func, ast.Attribute) and not names & (_OPENERS | _MAKERS):
        yield from _written_by_method(cell, node, node.func)


def _written_by_method(cell: Cell, node: ast.Call, function: ast.Attribute) -> Iterator[tuple[str, Values]]:
    holder = cell.resolve(function.value)
    if function.attr in _PATH_WRITERS or (function.attr == "open" and _writes(cell, node, position=0)):
        yield f"pathlib.Path.{function.attr}", holder
    elif function.attr in {"rename", "replace"} and any(
        isinstance(value, Made) and value.path for value in holder
    ):
        yield f"pathlib.Path.{function.attr}", holder
        yield f"pathlib.Path.{function.attr}", cell.argument(node, 0, "target")
    elif function.attr in {"extractall", "extract"}:
        given = cell.given(node)
        yield from ((function.attr, cell.resolve(argument)) for argument in node.args)
        yield from ((function.attr, given[name]) for name in ("path", "members") if name in given)
    elif _SAVERS.match(function.attr):
        yield from ((function.attr, cell.resolve(argument)) for argument in node.args[:2])
        yield (
            function.attr,
            cell.argument(node, 9, "path_or_buf", "path", "fname", "file", "excel_writer", "fp"),
        )


def _writes(cell: Cell, node: ast.Call, position: int = 1) -> bool:
    given = cell.given(node)
    if is_true(given.get("inplace", frozenset())):
        return True
    modes = [given[name] for name in ("mode", "flags") if name in given]
    modes += [cell.resolve(argument) for argument in node.args[position : position + 1]]
    return any(
        not is_constant(mode) or any(set(text) & set("wax+") for text in texts_of(mode)) for mode in modes
    )


def judge_read(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Secrets of the host and addresses on the network, wherever they are handed to something that opens."""
    if names & _SILENT or attribute_of(node) in _TEXT_METHODS:
        return
    shown = _shown(node, names)
    arguments = [*(cell.resolve(argument) for argument in node.args), *cell.given(node).values()]
    if isinstance(node.func, ast.Attribute) and node.func.attr in _PATH_READERS:
        arguments.append(cell.resolve(node.func.value))
    values = frozenset[object]().union(*arguments)
    heads = {value.head for value in values if isinstance(value, Built)}
    texts = {text for argument in arguments for text in texts_of(argument)}
    for text in sorted(texts | heads):
        if len(text) < 300 and "\n" not in text and _paths.is_secret(text):
            yield Report("credentials.file", node.lineno, shown)
        elif (_paths.is_web(text) and _reads(node, names)) or (
            "://" in text and _asks(names) and _paths.names_web(text)
        ):
            yield Report("network.url", node.lineno, shown)


def _shown(node: ast.Call, names: set[str]) -> str:
    known = sorted(names)
    if known and "()" not in known[0]:
        return known[0]
    return attribute_of(node) or "This"


def _reads(node: ast.Call, names: set[str]) -> bool:
    short = {name.rpartition(".")[2] for name in names} | {attribute_of(node)}
    return any(
        word.startswith(("read_", "scan_", "load", "imread", "genfromtxt", "open", "parse")) for word in short
    )


def _asks(names: set[str]) -> bool:
    """Whether a query may itself open addresses, as DuckDB's do."""
    return any(name.startswith("duckdb.") or name.endswith("create_engine") for name in names)


def judge_permissions(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Folders left, and rights given away."""
    if names & {"os.chdir"} and not (node.args and is_local(cell, node.args[0])):
        yield Report("privilege.change", node.lineno, "os.chdir")
    if names & {"os.umask"} and Const(0) in cell.argument(node, 0, "mask"):
        yield Report("privilege.change", node.lineno, "os.umask")
    if names & {"os.chmod"}:
        mode = cell.argument(node, 1, "mode")
        if not (node.args and is_local(cell, node.args[0])) or _gives_away(mode):
            yield Report("privilege.change", node.lineno, "os.chmod")
    elif (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "chmod"
        and (not is_local(cell, node.func.value) or _gives_away(cell.argument(node, 0, "mode")))
    ):
        yield Report("privilege.change", node.lineno, "chmod")


def _gives_away(modes: Values) -> bool:
    """Whether a mode lets others write, or a program run as its owner."""
    return any(
        not isinstance(mode, Const) or not isinstance(mode.value, int) or mode.value & 0o6002
        for mode in modes
    )


def judge_startup(_: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Folders from elsewhere put where modules are looked for."""
    constants = [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
    folders = [text for text in constants if text.startswith("/")]
    if names & {"sys.path.insert", "site.addsitedir"} and folders:
        yield Report("persistence.startup", node.lineno, min(names))
    elif names & {"sys.path.append"} and any(map(_paths.is_outside, folders)):
        yield Report("persistence.startup", node.lineno, "sys.path.append")
