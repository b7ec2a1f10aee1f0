"""The text layer: what can be said of the characters before they are Python."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

from llama3_tools.gate._lines import line_finder
from llama3_tools.gate._rules import found
from llama3_tools.gate._tokens import CREDENTIALS, TOKENS, is_password
from llama3_tools.gate._types import Finding

_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_PLAIN_ENCODINGS = frozenset(
    {"utf-8", "utf8", "utf_8", "ascii", "us-ascii", "latin-1", "iso-8859-1", "latin1"}
)
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SUPPRESSION = re.compile(
    r"\b(nosem(grep)?\b|nosec\b|skipcq|nosonar|nolint|codeql\[|lgtm\[|pragma:\s*allowlist|gitleaks:\s*allow|"
    r"trufflehog:\s*ignore|(semgrep|bandit)[-:\s]{1,3}(ignore|skip|disable)|noqa:\s*S\d|"
    r"pylint:\s*disable=[\w,-]*(eval|exec)-used)",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"#[^\n]*")
_MAGIC = re.compile(r"^[ \t]*(?:[\w.,() \t]{0,80}=[ \t]*)?([!%]{1,2})[ \t]*(\w*)", re.MULTILINE)
# Magics that change how code is shown or timed; what they time is read like any other code.
_HARMLESS_MAGIC = re.compile(
    r"[ \t]*%{1,2}(?:matplotlib|time|timeit|precision|whos?)\b(?:[ \t]+-[nr][ \t]*\d{1,9})*(?![ \t]*-)"
)
_SHELL_MAGICS = frozenset({"bash", "sh", "system", "sx", "script", "cmd", "perl", "ruby", "zsh"})


def scan_text(code: str) -> Iterator[Finding]:
    """Encoding lines, hidden characters, secrets, and comments that silence scanners."""
    for number, line in enumerate(code.split("\n", 2)[:2], 1):
        cookie = _COOKIE.match(line)
        if cookie and cookie.group(1).lower() not in _PLAIN_ENCODINGS:
            yield found("text.encoding", number)
    hidden = _HIDDEN.search(code)
    line_of = line_finder(code)
    if hidden:
        yield found("text.hidden", line_of(hidden.start()))
    for match in TOKENS.finditer(code):
        yield found("secret.literal", line_of(match.start()))
    for match in CREDENTIALS.finditer(code) if "@" in code else ():
        if is_password(match.group(1)):
            yield found("secret.literal", line_of(match.start()))
    if _SUPPRESSION.search(code):
        yield from _suppressions(code)


def _suppressions(code: str) -> Iterator[Finding]:
    for line, comment in _comments(code):
        if _SUPPRESSION.search(comment):
            yield found("suppression.comment", line)


def _comments(code: str) -> list[tuple[int, str]]:
    """Comments with their lines. Where the text is no Python, everything after a # counts as one."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        line_of = line_finder(code)
        return [(line_of(match.start()), match.group()) for match in _COMMENT.finditer(code)]
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def scan_magics(code: str) -> list[Finding]:
    """Shell escapes and notebook magics. Only for text that is not Python as it stands: Python has none."""
    line_of = line_finder(code)
    return [
        _magic(line_of(match.start(1)), match)
        for match in _MAGIC.finditer(code)
        if not _HARMLESS_MAGIC.match(code, match.start())
    ]


def _magic(line: int, match: re.Match[str]) -> Finding:
    mark, word = match.group(1), match.group(2)
    if mark.startswith("!"):
        return found("magic.shell", line, "A line that starts with !")
    if word in _SHELL_MAGICS:
        return found("magic.shell", line, f"A cell that starts with {mark}{word}")
    return found("magic.line", line)


def without_magics(code: str) -> str:
    """`code` with the code of harmless magics alone, and `pass` in the place of other magic lines."""
    return "\n".join(_without_magic(line) if _MAGIC.match(line) else line for line in code.split("\n"))


def _without_magic(line: str) -> str:
    harmless = _HARMLESS_MAGIC.match(line)
    rest = line[harmless.end() :].strip() if harmless else ""
    keeps = harmless and "time" in harmless.group() and rest
    return re.sub(r"\S.*", lambda _: rest if keeps else "pass", line, count=1)
