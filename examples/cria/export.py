"""Put a trained model into the package, in half precision and with its format's family in the configuration.

python examples/cria/export.py WORK/model agent/llama3_agent/models/cria
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

LARGEST = 12_000_000
"""Bytes that the model may take in the package."""


def export(source: Path, target: Path) -> int:
    """Write the model of one folder to another in float16 and return the bytes written.

    Raises:
        ValueError: the result is larger than the package allows.
    """
    target.mkdir(parents=True, exist_ok=True)
    LlamaForCausalLM.from_pretrained(source, dtype=torch.float16).save_pretrained(target)
    PreTrainedTokenizerFast.from_pretrained(source).save_pretrained(target)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    config["llama3_family"] = "3.1"
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (target / "generation_config.json").unlink(missing_ok=True)
    size = sum(path.stat().st_size for path in target.iterdir())
    if size > LARGEST:
        raise ValueError(
            f"{target} takes {size:,} bytes; at most {LARGEST:,} fit the package: train a smaller model"
        )
    return size


def main() -> None:
    """Export a trained model."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    print(f"{export(arguments.source, arguments.target):,} bytes")


if __name__ == "__main__":
    main()
