"""What a model's `config.json` says. Loads no library, so that a wrong folder is told of at once."""

import json
from pathlib import Path
from typing import Any

from llama3_agent.engine.errors import ModelUnsuitable


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a Llama.

    Raises:
        ModelUnsuitable: there is none, or it describes something else.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ModelUnsuitable(f"{folder} holds no config.json: give the folder of a Hugging Face Llama model")
    config = read_json(path)
    kind = config.get("model_type")
    if kind != "llama":
        raise ModelUnsuitable(f"{folder} holds a model of type {kind!r}; this engine runs type 'llama'")
    if not any(folder.glob("*.safetensors")):
        raise ModelUnsuitable(f"{folder} holds no *.safetensors: weights in other formats are not loaded")
    return config


def pick_context_length(asked: int | None, config: dict[str, Any]) -> int:
    """The context length asked for, or all that the model was made for.

    Raises:
        ModelUnsuitable: it is not within what the model was made for.
    """
    most = int(config.get("max_position_embeddings", 2048))
    if asked is not None and not 2 <= asked <= most:
        raise ModelUnsuitable(f"context_length must be between 2 and this model's {most}, not {asked}")
    return asked or most


def first_line(error: BaseException) -> str:
    """An error of another library in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        ModelUnsuitable: it is not one.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnsuitable(f"{path} cannot be read: {first_line(error)}") from error
    if not isinstance(data, dict):
        raise ModelUnsuitable(f"{path} is not a JSON object")
    return data
