"""What docs/prompts.md shows works as it is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from llama3_prompts import Transcript

GUIDE = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")


def test_the_programs_run_one_after_the_other(llama3_tokenizer: Any, monkeypatch: Any, capsys: Any) -> None:
    written = '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Oslo"}}<|eom_id|>'

    def generate(prompt: list[int], stop: frozenset[int]) -> list[int]:
        answer: list[int] = llama3_tokenizer.encode(written, add_special_tokens=False)
        assert answer[-1] in stop
        assert prompt[0] == llama3_tokenizer.convert_tokens_to_ids("<|begin_of_text|>")
        return answer

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda _: llama3_tokenizer)
    names: dict[str, Any] = {"MODEL": "a folder", "generate": generate}
    programs = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert len(programs) == 3
    for program in programs:
        exec(compile(program, "docs/prompts.md", "exec"), names)
    transcript = names["transcript"]
    assert isinstance(transcript, Transcript)
    assert [message.text for message in transcript.messages[1:]] == [
        "How will it be in Oslo tomorrow?",
        "",
        "Oslo: sun for 1 days",
    ]
    printed = capsys.readouterr().out
    assert "TextDelta(text='Let me see. ')" in printed
    assert "name='get_weather'" in printed
