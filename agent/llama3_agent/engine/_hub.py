"""Fetching a model from the Hugging Face hub, and saying why that did not work."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download, utils
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from llama3_agent.engine.errors import ModelNotFound, ModelUnavailable

_FILES = ("*.json", "*.safetensors")
_NOT_NEEDED = ("original/*",)


def fetched(name: str, *, download_bar: bool) -> Path:
    """The folder of the local cache that holds a hub model's files, downloaded if need be.

    Raises:
        ModelNotFound: there is no such model.
        ModelUnavailable: it could not be fetched.
    """
    try:
        with _bars(shown=download_bar):
            return Path(
                snapshot_download(name, allow_patterns=list(_FILES), ignore_patterns=list(_NOT_NEEDED))
            )
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"{name!r} is gated: accept its licence at https://huggingface.co/{name}, "
            "then log in with `hf auth login` or set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelNotFound(
            f"there is no folder {name!r} and no such model on Hugging Face "
            "(a private one needs `hf auth login` or HF_TOKEN)"
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise ModelUnavailable(
            f"{name!r} is not in the local cache and the Hugging Face hub cannot be reached: "
            "connect to the network, or give a local folder"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelUnavailable(f"{name!r} could not be downloaded: {reason}") from error


@contextmanager
def _bars(*, shown: bool) -> Iterator[None]:
    """Let the hub show its download bars, or not."""
    hub: Any = utils
    if shown or hub.are_progress_bars_disabled():
        yield
        return
    hub.disable_progress_bars()
    try:
        yield
    finally:
        hub.enable_progress_bars()
