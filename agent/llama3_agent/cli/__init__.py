"""The command ``llama3-agent``."""

from ._app import main

__all__ = ["main"]
