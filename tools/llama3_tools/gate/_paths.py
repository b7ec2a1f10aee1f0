"""What a path given as a constant tells: secrets, startup files, system folders."""

from __future__ import annotations

import posixpath
import re

_SECRET = re.compile(
    r"(^|/)(etc/(passwd|shadow|gshadow|sudoers|ssh/)|\.ssh(/|$)|\.aws(/|$)|\.gnupg(/|$)|\.kube(/|$)|\.docker/config\.json|"
    r"\.netrc$|\.pgpass$|\.pypirc$|\.npmrc$|\.git-credentials$|\.env(\.\w+)?$|id_(rsa|dsa|ecdsa|ed25519)\b|"
    r"\.(bash|zsh|python)_history$|application_default_credentials\.json|\.config/gcloud|run/secrets|docker\.sock$|"
    r"\.mozilla/|google-chrome/|\.huggingface/token|\.cache/huggingface/token)"
)
_PROCESS = re.compile(r"^/(proc/(self|thread-self|\d+)/|proc/kcore|dev/(mem|kmem|sd|nvme|tcp|udp)|boot/)")
_STARTUP = re.compile(
    r"(^|/)(\.(bashrc|bash_profile|bash_login|profile|zshrc|zprofile|zshenv|pythonrc|pythonrc\.py)$|etc/(cron|profile|"
    r"rc\.local|init\.d|systemd|ld\.so\.preload)|var/spool/cron|\.config/(autostart|systemd|fish)|\.ipython/|\.ssh/"
    r"authorized_keys|(site|dist)-packages/|(site|user)customize\.py$|Library/Launch(Agents|Daemons)|"
    r"\.git/hooks/|\.bash_logout$|\.xinitrc$|\.xprofile$|etc/(crontab|inittab|anacrontab|bash\.bashrc))"
)
_MODULE_PATH = re.compile(r"^(/usr|/opt|/var|/root|/home|~|\ufffd)[^\n]*/[\w.-]+\.pth$")
_ALLOWED = re.compile(r"^/(tmp|home/user|mnt/data|workspace|work|data|content|dev/(null|stdout|stderr))(/|$)")
_WEB = re.compile(r"^(https?|ftps?|s3a?|gs|gcs|sftp|ssh|wss?|hdfs|abfs|az|smb)://", re.IGNORECASE)


def names_web(text: str) -> bool:
    """Whether `text`, a query or the address of a database, leads to a network."""
    scheme = re.match(r"^([a-z0-9]+)[+\w]*://", text)
    if scheme:
        return scheme.group(1) not in {"sqlite", "duckdb", "file"}
    return re.search(r"\b(https?|s3|gs|gcs|azure)://", text) is not None


def is_web(path: str) -> bool:
    """Whether `path` is an address on a network."""
    return _WEB.match(path.strip()) is not None


def is_secret(path: str) -> bool:
    """Whether reading `path` may give away secrets of the host."""
    plain = _normal(path)
    return bool(_SECRET.search(plain) or _PROCESS.match(plain))


def is_startup(path: str) -> bool:
    """Whether what stands in `path` runs by itself later."""
    plain = _normal(path)
    return bool(_STARTUP.search(plain) or _MODULE_PATH.match(plain))


def is_outside(path: str) -> bool:
    """Whether `path` lies outside the working directory and the folders meant for data."""
    plain = _normal(path)
    if plain.startswith("/"):
        return _ALLOWED.match(plain) is None
    return plain.startswith(("~", "..", "\\\\")) or re.match(r"^[A-Za-z]:[\\/]", plain) is not None


def _normal(path: str) -> str:
    plain = posixpath.normpath(path.strip().removeprefix("file://")) if path.strip() else "."
    return "/" + plain.lstrip("/") if plain.startswith("/") else plain
