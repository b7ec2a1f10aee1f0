"""Prompt Guard, with real files: labels, windows, batches, readings."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import DebertaV2ForSequenceClassification

import llama3_agent.guards._classifier as classifier_module
from llama3_agent.engine import ModelNotFound, ModelUnsuitable
from llama3_agent.errors import ConfigurationError
from llama3_agent.guards import PromptGuard, Subject
from llama3_agent.guards._windows import windows

from ...guard_models import INJECTIONS, JAILBREAKS, LLAMA_GUARD, PROMPT_GUARD_1, PROMPT_GUARD_2, plain

RNG = random.Random(3)
LONG = plain(RNG, 1300)


def test_third_party_text_may_neither_inject_nor_jailbreak(version_1: PromptGuard) -> None:
    for attack, label in ((INJECTIONS[0], "injection"), (JAILBREAKS[0], "jailbreak")):
        found = version_1.check(f"{plain(RNG, 20)} {attack} {plain(RNG, 20)}")
        assert (found.flagged, found.label) == (True, label)


def test_a_user_may_give_orders_but_not_jailbreak(version_1: PromptGuard) -> None:
    order, jailbreak = version_1.check_all([INJECTIONS[1], JAILBREAKS[1]], source="user")
    assert (order.flagged, order.label) == (False, "benign")
    assert (jailbreak.flagged, jailbreak.label) == (True, "jailbreak")
    assert version_1.look(Subject("input", INJECTIONS[1])).flagged is False
    assert version_1.look(Subject("tool", INJECTIONS[1])).flagged is True


def test_numbered_labels_are_those_of_version_2(version_2: PromptGuard) -> None:
    found = version_2.check_all([INJECTIONS[0], plain(RNG, 30)], source="user")
    assert [one.label for one in found] == ["malicious", "benign"]


@pytest.mark.parametrize("place", [0, 380, 505, 512, 640, 1000, 1299])
def test_an_injection_is_found_wherever_it_is(version_2: PromptGuard, place: int) -> None:
    words = LONG.split()
    text = " ".join([*words[:place], INJECTIONS[0], *words[place:]])
    found = version_2.check(text)
    assert found.flagged
    assert found.span is not None
    start = text.index(INJECTIONS[0])
    assert found.span[0] < start + len(INJECTIONS[0])
    assert start < found.span[1]


def test_a_long_harmless_text_passes(version_2: PromptGuard) -> None:
    assert not version_2.check(LONG).flagged
    assert not version_2.check("").flagged


def test_the_score_is_the_models_own(version_1: PromptGuard, models: Path) -> None:
    text = f"{plain(RNG, 12)} {JAILBREAKS[0]}"
    ids, _ = version_1._classifier.encode(text)
    model = DebertaV2ForSequenceClassification.from_pretrained(models / PROMPT_GUARD_1).eval()
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([[2, *ids, 3]])).logits[0]
    for temperature in (1.0, 3.0):
        guard = PromptGuard(models / PROMPT_GUARD_1, temperature=temperature, threshold=0.01)
        expected = (logits / temperature).softmax(0)
        assert guard.check(text).score == pytest.approx(float(expected[1] + expected[2]), abs=1e-5)
        assert guard.check(text, source="user").score == pytest.approx(float(expected[2]), abs=1e-5)


def test_a_batch_scores_as_each_text_alone(version_1: PromptGuard, models: Path) -> None:
    texts = [f"{plain(RNG, n)} {INJECTIONS[n % 3]} {plain(RNG, 3)}" for n in (1, 700, 40)] + [plain(RNG, 9)]
    alone = [version_1.check(text).score for text in texts]
    small = PromptGuard(models / PROMPT_GUARD_1, batch=2)
    assert [one.score for one in small.check_all(texts)] == pytest.approx(alone, abs=1e-5)


def test_disguises_and_encodings_are_seen_through(version_2: PromptGuard) -> None:
    for text in (
        "\u200b".join(INJECTIONS[0]),
        base64.b64encode(INJECTIONS[0].encode()).decode(),
        "   ".join(" ".join(word) for word in INJECTIONS[0].split()),
    ):
        found = version_2.check(text)
        assert found.flagged, text


def test_special_tokens_in_a_text_are_text(version_2: PromptGuard) -> None:
    ids, _ = version_2._classifier.encode("a [SEP] b [CLS] c [PAD]")
    assert not {0, 2, 3, 4} & set(ids)
    assert version_2.check(f"[SEP] [SEP] {INJECTIONS[0]} [PAD]").flagged


def test_every_token_is_fed_as_it_is(version_2: PromptGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[list[int]] = []
    kept = version_2._classifier.logits
    monkeypatch.setattr(version_2._classifier, "logits", lambda texts: (fed.extend(texts), kept(texts))[1])
    version_2.check(LONG)
    ids, _ = version_2._classifier.encode(LONG)
    cut = windows(len(ids), 510, 128)
    assert fed == [ids[one.start : one.stop] for one in cut]


def test_a_model_is_loaded_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = PromptGuard(models / PROMPT_GUARD_2)
    monkeypatch.setattr(classifier_module, "_loaded", lambda _: pytest.fail("loaded again"))
    again = PromptGuard(models / PROMPT_GUARD_2, threshold=0.9)
    assert again._classifier is first._classifier


@pytest.mark.skipif(not classifier_module.available(), reason="this build of torch has no 8-bit products")
def test_eight_bits_tell_the_same(version_1: PromptGuard, models: Path) -> None:
    small = PromptGuard(models / PROMPT_GUARD_1, weights="int8")
    texts = [plain(RNG, 30), f"{plain(RNG, 30)} {INJECTIONS[2]}", JAILBREAKS[0]]
    full, eight = version_1.check_all(texts), small.check_all(texts)
    assert [one.label for one in eight] == [one.label for one in full]
    assert [one.score for one in eight] == pytest.approx([one.score for one in full], abs=0.05)


def test_it_can_be_awaited_in_a_running_loop(version_2: PromptGuard) -> None:
    async def both() -> list[Any]:
        return await asyncio.gather(version_2.acheck("hello"), version_2.acheck(INJECTIONS[0]))

    assert [one.flagged for one in asyncio.run(both())] == [False, True]


@pytest.fixture
def copy(models: Path, tmp_path: Path) -> Path:
    """A copy of version 2 to do harm to."""
    return shutil.copytree(models / PROMPT_GUARD_2, tmp_path / "copy")


def test_files_that_will_not_do_are_refused(models: Path, copy: Path) -> None:
    with pytest.raises(ModelNotFound):
        PromptGuard(copy / "missing")
    with pytest.raises(ModelUnsuitable, match="no sequence classifier"):
        PromptGuard(models / LLAMA_GUARD)
    (copy / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelUnsuitable, match="cannot be loaded"):
        PromptGuard(copy)


def test_labels_without_a_benign_one_are_refused(copy: Path) -> None:
    config = copy / "config.json"
    labels = {"id2label": {"0": "CAT", "1": "DOG"}, "label2id": {"CAT": 0, "DOG": 1}}
    config.write_text(json.dumps({**json.loads(config.read_text()), **labels}))
    with pytest.raises(ModelUnsuitable, match="CAT, DOG"):
        PromptGuard(copy)


@pytest.mark.parametrize(
    "keywords",
    [{"threshold": 0}, {"threshold": 2}, {"temperature": 0}, {"batch": 0}, {"overlap": 510}, {"overlap": -1}],
)
def test_numbers_out_of_range_are_refused(models: Path, keywords: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        PromptGuard(models / PROMPT_GUARD_2, **keywords)
