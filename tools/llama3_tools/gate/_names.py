"""Names as their defining modules have them, and what the tables say of one."""

from __future__ import annotations

import functools

from llama3_tools.gate._tables import EXACT, HARMLESS, MODULES


def words(text: str) -> frozenset[str]:
    """The words of `text`, as a set."""
    return frozenset(text.split())


# Modules that must not be passed around as values, nor searched by a computed name.
ROOTS = words(
    "os sys builtins subprocess importlib shutil socket ctypes pickle marshal runpy pty __builtins__"
)

# The same module under another name.
SYNONYMS = {
    "posix": "os",
    "nt": "os",
    "_socket": "socket",
    "_pickle": "pickle",
    "cPickle": "pickle",
    "_ctypes": "ctypes",
    "_posixsubprocess": "subprocess",
    "_winapi": "subprocess",
    "_io": "io",
    "__builtin__": "builtins",
    "_imp": "imp",
    "pickle5": "pickle",
    "Cryptodome": "Crypto",
}

# The same module under a longer name.
_PREFIXES = (("tensorflow.python.keras.", "keras."), ("tensorflow.keras.", "keras."), ("tf_keras.", "keras."))

# Builtins that the tables or the resolver know.
BUILTINS = words(
    "globals locals vars open getattr setattr chr str bytes bytearray range print type dir id repr len list "
    "hasattr tuple set sorted frozenset sum min max dict map filter reversed iter enumerate zip"
)

# Builtins that stay themselves whatever else the cell binds to their name.
STICKY = frozenset(
    {"eval", "exec", "__import__", "os", "sys", "builtins", "subprocess", "shutil", "importlib"}
)

# Attributes that lead from any object to the interpreter.
INTERNALS = words(
    "__subclasses__ __globals__ __builtins__ __code__ __closure__ __bases__ __base__ __mro__ "
    "__loader__ __spec__ f_globals f_locals f_builtins f_back tb_frame gi_frame gi_code "
    "cr_frame ag_frame __reduce__ __reduce_ex__ __getattribute__ __import__ mro"
)


def canonical(name: str) -> str:
    """`name` as its defining module has it: `posix.system` and `shutil.os.system` are both `os.system`."""
    parts = [SYNONYMS.get(part, part) for part in name.split(".")]
    for index in range(len(parts) - 1, 0, -1):
        if parts[index].removeprefix("_") in ROOTS:
            parts = [parts[index].removeprefix("_"), *parts[index + 1 :]]
            break
    if parts[0] in {"builtins", "__builtins__"} and len(parts) > 1:
        parts = parts[1:]
    plain = ".".join(parts)
    for long, short in _PREFIXES:
        if plain.startswith(long):
            return short + plain[len(long) :]
    return plain


def lookup(name: str) -> tuple[str, str] | None:
    """The rule a dotted name falls under, and the name to show; `None` for a harmless one."""
    return _lookup(canonical(name)) or _lookup(name)


def _lookup(name: str) -> tuple[str, str] | None:
    if "()" in name:
        return (EXACT[name], name.replace("()", "").replace("[]", "")) if name in EXACT else None
    parts = name.split(".")
    prefixes = [".".join(parts[: end + 1]) for end in range(len(parts))]
    if any(prefix in HARMLESS for prefix in prefixes):
        return None
    for prefix in reversed(prefixes):
        if prefix in EXACT:
            return EXACT[prefix], prefix
        if prefix in MODULES:
            return MODULES[prefix], name
    return None


@functools.cache
def _ways() -> frozenset[str]:
    """Every name that a dangerous one begins with."""
    names = [name.split(".") for name in (*EXACT, *MODULES)]
    return frozenset(".".join(parts[:end]) for parts in names for end in range(1, len(parts) + 1)) | ROOTS


def leads_to_danger(name: str) -> bool:
    """Whether `name`, or something below it, is dangerous."""
    return canonical(name) in _ways() or lookup(name) is not None


# Module names that are just as likely a variable when nothing imports them.
_AMBIGUOUS = words(
    "code sh imp dns wget redis kafka commands resource signal platform types crontab fabric pip nice "
    "mechanize twisted tornado kaggle wikipedia datasets grpc pika treq nmap Crypto gc inspect docker "
    "invoke bottle discord telegram cohere groq stripe minio mysql google newspaper cython Cython clr "
    "weave keystone pwd netrc prctl crypt evaluate statsmodels spacy sklearn keras transformers azure "
    "snowflake cassandra"
)

# What a name means that nothing in sight binds: a fragment is read as if its usual imports were there.
ASSUMED = (
    frozenset(name.partition(".")[0] for name in (*EXACT, *MODULES))
    | ROOTS
    | {"open", "getattr", "pathlib", "pandas", "numpy", "itertools"}
) - _AMBIGUOUS
