"""Train `cria` from scratch on this machine's processor, within a time budget, resuming where it stopped.

    python examples/cria/train.py WORK --minutes 100

The learning rate follows the clock and falls to zero at its end, so that the budget can be any length.
Checkpoints are written every few minutes.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import attention
import copying
import numpy as np
import torch
from data import SCRATCH, SHARD, Example, batches, encode, read_shard
from drills import Drills
from grow import grow
from muon import HALF, Muon
from tokenizer import SPECIAL, VOCABULARY, load, train
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.modeling_outputs import BaseModelOutputWithPast
from world.generate import conversation

TOKENS = 6144
MULTIPLE = 32
"""A training step is a sixth slower when the number of tokens is odd."""
STAGES = ((0.1, 256, 2), (0.2, 512, 3), (0.4, 768, 5), (0.75, 1280, 10), (1.0, 2048, 20))
"""The end of each stage (share of the budget), its longest conversation, its batches to each one for copying.

Attention finds what to copy much sooner among few tokens than among many.
"""
CONTINUED = ((0.15, 768, 2), *STAGES[2:])
"""For a model that has found it already."""
DRILLS = 0.7
"""The share of conversations that are learned without results and answers."""
MUON_LR, ADAM_LR = 0.01, 0.0015
SAVE_SECONDS = 200
HELD_OUT = 900_000_000
"""Seeds from here on are never trained on."""
HELD_OUT_CONVERSATIONS, TOKENIZER_CONVERSATIONS = 200, 6000


def configuration(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """4.8 million parameters: 8 layers of width 192, 6 query and 3 key-value heads."""
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=8,
        num_attention_heads=6,
        num_key_value_heads=3,
        max_position_embeddings=4096,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.convert_tokens_to_ids("<|begin_of_text|>"),
        eos_token_id=[
            tokenizer.convert_tokens_to_ids(name) for name in ("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>")
        ],
        pad_token_id=tokenizer.convert_tokens_to_ids("<|finetune_right_pad_id|>"),
    )


def prepare(work: Path) -> PreTrainedTokenizerFast:
    """The tokenizer, trained on conversations when there is none yet."""
    folder = work / "tokenizer"
    if not folder.exists():
        texts = (
            "".join(s.text for s in conversation(HELD_OUT // 2 + seed, SCRATCH))
            for seed in range(TOKENIZER_CONVERSATIONS)
        )
        train(text for whole in texts for text in plain(whole)).save_pretrained(folder)
    return load(folder)


def plain(text: str) -> list[str]:
    """The stretches between special tokens."""
    return [
        part
        for part in text.replace("<|", "\0<|").replace("|>", "|>\0").split("\0")
        if not part.startswith("<|")
    ]


def collate(batch: list[Example], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids ``[B, T]`` padded on the right, the mask of positions whose next token is learned.

    And those tokens.
    """
    width = -(-max(len(ids) for ids, _ in batch) // MULTIPLE) * MULTIPLE + 1
    ids = np.full((len(batch), width), pad, np.int64)
    learn = np.zeros((len(batch), width), bool)
    for row, (tokens, mask) in enumerate(batch):
        ids[row, : len(tokens)], learn[row, : len(tokens)] = tokens, mask
    tensor, mask = torch.from_numpy(ids), torch.from_numpy(learn)
    return tensor[:, :-1], mask[:, 1:], tensor[:, 1:][mask[:, 1:]]


@functools.cache
def body(model: LlamaForCausalLM) -> Callable[..., BaseModelOutputWithPast]:
    """The model without its head, compiled where a C++ compiler is at hand."""
    return torch.compile(model.model, dynamic=True) if shutil.which("g++") else model.model


def loss_of(model: LlamaForCausalLM, batch: list[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross-entropy over the learned tokens and the share predicted rightly.

    Padding is on the right, so causality masks it.
    """
    ids, mask, targets = collate(batch, model.config.pad_token_id)
    with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
        run = body(model) if torch.is_grad_enabled() else model.model
        hidden = run(input_ids=ids, use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[mask]).float()
    return cross_entropy(logits, targets), (logits.argmax(-1) == targets).float().mean()


def optimizers(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, Adam for the embeddings and the norms."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        Muon(matrices, lr=MUON_LR, weight_decay=0.02),
        torch.optim.AdamW(others, lr=ADAM_LR, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def stream(
    work: Path, seen: int, rng: Random, length: Callable[[], int], drill: Callable[[Example], Example]
) -> Iterator[list[Example]]:
    """Batches from the shards in turn, from the beginning again when no new one is there."""
    for index in itertools.count(seen):
        paths = sorted((work / "shards").glob("????.npz"))
        while not paths:
            time.sleep(2)
            paths = sorted((work / "shards").glob("????.npz"))
        whole = read_shard(paths[index % len(paths)])
        mixed = [drill(example) if rng.random() < DRILLS else example for example in whole]
        examples = [_cut(example, length()) for example in mixed]
        yield from batches([example for example in examples if example[1].any()], TOKENS, rng)
        (work / "seen").write_text(str(index + 1))


def _cut(example: Example, length: int) -> Example:
    """The beginning of a conversation."""
    ids, learn = example
    return ids[:length], learn[:length]


def rate(progress: float, step: int) -> float:
    """The factor on the learning rates: warm at first, then falling to zero.

    Small batches are noisy, and Muon gives the noise the size of the signal. What is learned at a high rate
    shows only when the rate has fallen.
    """
    return min(1.0, (step + 1) / 60) * max(0.0, 1 - progress) ** 1.5


class Run:
    """A training run that lives in a folder."""

    def __init__(self, work: Path, minutes: float, start: Path | None = None) -> None:
        self.work, self.budget = work, minutes * 60
        self.stages = STAGES if start is None else CONTINUED
        if start is not None and not (work / "tokenizer").exists():
            load(start).save_pretrained(work / "tokenizer")
        self.tokenizer = prepare(work)
        torch.manual_seed(0)
        self.model = LlamaForCausalLM(configuration(self.tokenizer))
        if start is not None:
            trained = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32)
            self.model = grow(trained, configuration(self.tokenizer))
        self.model.set_attn_implementation(attention.NAME)
        self.optimizers = optimizers(self.model)
        self.elapsed, self.step, self.tokens = 0.0, 0, 0
        self._restore()

    def _restore(self) -> None:
        path = self.work / "checkpoint.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.model.load_state_dict(state["model"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self.elapsed, self.step, self.tokens = state["elapsed"], state["step"], state["tokens"]

    def save(self) -> None:
        """Write the checkpoint and a loadable model."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "elapsed": self.elapsed,
            "step": self.step,
            "tokens": self.tokens,
        }
        torch.save(state, self.work / "checkpoint.tmp")
        (self.work / "checkpoint.tmp").rename(self.work / "checkpoint.pt")
        self.model.save_pretrained(self.work / "model")
        self.tokenizer.save_pretrained(self.work / "model")

    def train(self) -> None:
        """Train until the budget is spent."""
        seen = int((self.work / "seen").read_text()) if (self.work / "seen").exists() else 0
        held_out = [
            encode(self.tokenizer, conversation(HELD_OUT + seed, SCRATCH))
            for seed in range(HELD_OUT_CONVERSATIONS)
        ]
        last, saved = time.monotonic(), time.monotonic()
        for batch in self.batches(seen):
            if self.elapsed >= self.budget:
                break
            loss = self.update(batch)
            now = time.monotonic()
            self.elapsed, last = self.elapsed + now - last, now
            if self.step % 20 == 0:
                tokens = f"{self.tokens / 1e6:.2f} M tokens"
                print(f"step {self.step} {self.elapsed / 60:.1f} min {tokens} loss {loss:.4f}", flush=True)
            if now - saved > SAVE_SECONDS:
                self.report(held_out)
                self.save()
                saved = time.monotonic()
        self.report(held_out)
        self.save()

    def stage(self) -> tuple[float, int, int]:
        """The stage that the clock has reached."""
        return next(s for s in self.stages if self.elapsed < s[0] * self.budget or s is self.stages[-1])

    def batches(self, seen: int) -> Iterator[list[Example]]:
        """Conversations, shorter ones first, with a batch for copying now and then."""
        rng = Random(self.step)
        conversations = stream(self.work, seen, rng, lambda: self.stage()[1], Drills(self.tokenizer))
        while True:
            if self.step % self.stage()[2] == 0:
                yield copying.batch(rng, TOKENS, VOCABULARY - len(SPECIAL))
            else:
                yield next(conversations)

    def update(self, batch: list[Example]) -> float:
        """One optimisation step; returns the loss."""
        factor = rate(self.elapsed / self.budget, self.step)
        for optimizer, base in zip(self.optimizers, (MUON_LR, ADAM_LR), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = base * factor
        loss, _ = loss_of(self.model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += sum(len(ids) for ids, _ in batch)
        return loss.item()

    @torch.inference_mode()
    def report(self, examples: list[Example]) -> None:
        """Loss and share of tokens predicted rightly on conversations never trained on."""
        results = [
            [value.item() for value in loss_of(self.model, group)]
            for group in batches(examples, TOKENS, Random(0))
        ]
        loss, right = np.mean(results, axis=0)
        print(f"held out: loss {loss:.4f}, tokens right {right:.4%}", flush=True)


def main() -> None:
    """Train within a time budget."""
    torch.set_flush_denormal(True)  # before the first operation: threads inherit it when they are made
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("work", type=Path, help="folder for the tokenizer, the shards and the checkpoints")
    parser.add_argument("--start", type=Path, help="folder of a model to begin with, instead of with chance")
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--shards", type=int, default=80, help=f"files of {SHARD} conversations to generate")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    run = Run(arguments.work, arguments.minutes, arguments.start)
    writer = [
        sys.executable,
        str(Path(__file__).with_name("data.py")),
        str(arguments.work),
        "--shards",
        str(arguments.shards),
    ]
    with subprocess.Popen(["nice", "-n", "5", *writer]) as generator:
        run.train()
        generator.terminate()


if __name__ == "__main__":
    main()
