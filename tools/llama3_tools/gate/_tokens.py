"""Keys that their form gives away, and passwords where only a password stands."""

from __future__ import annotations

import re

TOKENS = re.compile(
    r"\b(?:AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|xox[abeprs]-[0-9A-Za-z-]{10,80}|hf_[A-Za-z0-9]{30,60}|"
    r"sk-[A-Za-z0-9_-]{32,200}|[sr]k_(?:live|test)_[0-9A-Za-z]{16,80}|gh[pousr]_[0-9A-Za-z]{30,80}|"
    r"github_pat_[0-9A-Za-z_]{30,100}|glpat-[0-9A-Za-z_-]{20,40}|npm_[0-9A-Za-z]{36}|AIza[0-9A-Za-z_-]{35}|"
    r"SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{16,64}|eyJ[0-9A-Za-z_-]{10,400}\.eyJ[0-9A-Za-z_-]{4,800}\.[0-9A-Za-z_-]{10,200})"
)
"""Keys that their form gives away."""

CREDENTIALS = re.compile(
    r"\b[a-z][a-z0-9+]{2,20}://[^\s:/@'\"]{1,64}:([^\s:/@'\"{}<>$%]{3,64})@[\w.-]", re.IGNORECASE
)
"""A password inside an address."""

_CONNECTION = re.compile(r"(?:^|;)\s*(?:password|pwd)\s*=\s*([^;\s{}<>]{4,64})(?:;|$)", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"(?<![a-z0-9])(your|example|xxx|change_?me|placeholder|dummy|redacted|todo)|<|\*\*|\s|\.\.\.",
    re.IGNORECASE,
)
_WORDS = frozenset(
    {"pass", "password", "passwd", "pwd", "secret", "token", "string", "text", "str", "none", "null", "true"}
    | {"false", "hidden", "user", "username", "root", "postgres", "mysql", "guest", "test"}
)


def is_password(text: str) -> bool:
    """Whether `text`, found where a password stands, is one."""
    return not _PLACEHOLDER.search(text) and text.lower() not in _WORDS


def in_connection(text: str) -> bool:
    """Whether `text` is the description of a connection, with a password in it."""
    match = _CONNECTION.search(text) if "=" in text and len(text) < 1000 else None
    return match is not None and is_password(match.group(1))
