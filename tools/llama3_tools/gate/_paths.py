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
    r"authorized_keys|(site|dist)-packages/|(site|user)customize\.py$|\w+\.pth$(?<!model\.pth)|Library/LaunchAgents)"
)
_ALLOWED = re.compile(r"^/(tmp|home/user|mnt/data|workspace|work|data|content|dev/(null|stdout|stderr))(/|$)")
_WEB = re.compile(r"^(https?|ftps?|s3a?|gs|gcs|sftp|ssh|wss?|hdfs|abfs|az|smb)://", re.IGNORECASE)


def is_web(path: str) -> bool:
    """Whether `path` is an address on a network."""
    return _WEB.match(path.strip()) is not None


def is_secret(path: str) -> bool:
    """Whether reading `path` may give away secrets of the host."""
    plain = _normal(path)
    return bool(_SECRET.search(plain) or _PROCESS.match(plain))


def is_startup(path: str) -> bool:
    """Whether what stands in `path` runs by itself later."""
    return _STARTUP.search(_normal(path)) is not None


def is_outside(path: str) -> bool:
    """Whether `path` lies outside the working directory and the folders meant for data."""
    plain = _normal(path)
    if plain.startswith("/"):
        return _ALLOWED.match(plain) is None
    return plain.startswith(("~", "..", "\\\\")) or re.match(r"^[A-Za-z]:[\\/]", plain) is not None


def _normal(path: str) -> str:
    plain = posixpath.normpath(path.strip().removeprefix("file://")) if path.strip() else "."
    return "/" + plain.lstrip("/") if plain.startswith("/") else plain
