"""Where a model's files are: the package, a folder, or the Hugging Face hub."""

import os
import re
from pathlib import Path

import llama3_agent
from llama3_agent.engine.errors import ModelNotFound

PACKAGED = ("cria",)
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def folder_of(name: str | os.PathLike[str], *, download_bar: bool) -> Path:
    """The folder that holds the model's files, fetched from the hub if need be.

    A folder that exists wins over a hub id of the same form; "cria" is always the packaged model.

    Args:
        name: "cria", a folder, or a Hugging Face id such as ``meta-llama/Llama-3.1-8B-Instruct``.
        download_bar: whether the hub's own download bars may show.

    Raises:
        ModelNotFound: there is no such model.
        ModelUnavailable: it could not be fetched.
    """
    if isinstance(name, str) and name in PACKAGED:
        return _packaged(name)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return folder
    if name and folder.exists():
        raise ModelNotFound(f"{str(name)!r} is a file: give the folder that holds config.json")
    if not isinstance(name, str) or not _HUB_ID.fullmatch(name) or name.startswith("."):
        raise ModelNotFound(
            f"there is no folder {str(name)!r}, and it is no Hugging Face id of the form owner/name; "
            f"packaged models: {', '.join(PACKAGED)}"
        )
    from llama3_agent.engine._hub import fetched  # only what must come from the hub waits for its library

    return fetched(name, download_bar=download_bar)


def _packaged(name: str) -> Path:
    folder = Path(llama3_agent.__file__).parent / "models" / name
    if not folder.is_dir():
        raise ModelNotFound(f"this installation lacks the packaged model {name!r}: reinstall llama3-agent")
    return folder
