"""Weak hashes, ciphers, keys and random numbers; certificates and signatures that nobody checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from llama3_tools.gate._cell import Cell, Report, attribute_of, is_false
from llama3_tools.gate._values import Table, Values, number_of, texts_of

_WEAK = frozenset({"md5", "sha1", "md4", "md2", "ripemd160"})
_NAMED = frozenset({"hashlib.new", "hashlib.pbkdf2_hmac", "hmac.new", "hmac.digest"})
_KEYS = {
    "cryptography.hazmat.primitives.asymmetric.rsa.generate_private_key": (1, "key_size", 2048),
    "cryptography.hazmat.primitives.asymmetric.dsa.generate_private_key": (0, "key_size", 2048),
    "Crypto.PublicKey.RSA.generate": (0, "bits", 2048),
    "Crypto.PublicKey.DSA.generate": (0, "bits", 2048),
    "rsa.newkeys": (0, "nbits", 2048),
}
# Bare "secret" is a number to guess, bare "token" and "key" are words of many trades.
_SECRET = re.compile(
    r"(^|_)(passwords?|passwd|passcode|pass_?phrase|otp|one_time_code|(api|secret|private|encryption|session|auth)_?key|"
    r"(api|auth|access|session|csrf|reset|refresh|secret|bearer)_?token|session_?id|nonce|salt|pin_?code|"
    r"verification_code|reset_code|secret_code|client_secret)s?$",
    re.IGNORECASE,
)
_BITS = frozenset({"getrandbits", "randbytes", "bytes"})


def judge_crypto(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Weak choices that a call's arguments tell."""
    if names & _NAMED:
        yield from _judge_digest(cell, node, names)
    for name in names & set(_KEYS):
        position, keyword, least = _KEYS[name]
        size = number_of(cell.argument(node, position, keyword))
        if size is not None and size < least:
            yield Report("crypto.key", node.lineno, name)
    given = cell.given(node)
    if is_false(given.get("verify", frozenset())) and attribute_of(node) in {
        "get",
        "post",
        "put",
        "request",
        "Client",
    }:
        yield Report("crypto.tls", node.lineno, "verify=False")
    if any(name.startswith(("jwt.", "jose.")) for name in names) and _skips_signature(given):
        yield Report("crypto.signature", node.lineno, min(names))


def _judge_digest(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    position = 2 if names & {"hmac.new", "hmac.digest"} else 0
    algorithm = cell.argument(node, position, "name", "digestmod", "digest", "hash_name")
    for text in texts_of(algorithm):
        if text.lower().replace("-", "") in _WEAK:
            yield Report("crypto.weak", node.lineno, f"hashlib.{text.lower().replace('-', '')}")


def _skips_signature(given: dict[str, Values]) -> bool:
    options = [
        entry for value in given.get("options", ()) if isinstance(value, Table) for entry in value.entries
    ]
    unsigned = any(key == "verify_signature" and is_false(values) for key, values in options)
    return (
        unsigned
        or is_false(given.get("verify", frozenset()))
        or "none" in texts_of(given.get("algorithms", frozenset()))
    )


def check_settings(_: Cell, node: ast.AST) -> Iterator[Report]:
    """`context.check_hostname = False`."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is False:
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr == "check_hostname":
                yield Report("crypto.tls", node.lineno, "check_hostname = False")


def check_randomness(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """Secrets drawn from a generator that can be foretold."""
    name, source = _named(node)
    drawn = [part for part in ast.walk(source) if isinstance(part, ast.Call)] if source else []
    for call in drawn:
        for function in cell.resolve.names(call.func):
            short = function.rpartition(".")[2]
            if not function.startswith(("random.", "numpy.random.")) or function.startswith(
                "random.SystemRandom"
            ):
                continue
            grown = short in _BITS or isinstance(node, ast.AugAssign)
            if _SECRET.search(name) or (grown and re.search(r"(^|_)token$", name, re.IGNORECASE)):
                yield Report("crypto.random", call.lineno, function)
                return


def _named(node: ast.AST) -> tuple[str, ast.AST | None]:
    """What a value is called, and the value."""
    if isinstance(node, ast.Assign):
        return _target(node.targets[0]), node.value
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return _target(node.target), node.value
    if isinstance(node, ast.keyword):
        return node.arg or "", node.value
    if isinstance(node, ast.FunctionDef):
        return node.name, ast.Module(
            body=[part for part in node.body if isinstance(part, ast.Return)], type_ignores=[]
        )
    return "", None


def _target(target: ast.expr) -> str:
    if isinstance(target, ast.Name):
        return target.id
    return target.attr if isinstance(target, ast.Attribute) else ""
