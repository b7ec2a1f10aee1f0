"""The harness at work: real agent, gate and sandbox; only the model is scripted."""

import json
import sys
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, ScriptedLlama
from llama3_tools import CodeGate

CRIA = Path(__file__).parents[2] / "examples" / "cria"
sys.path.insert(0, str(CRIA))

from evaluation.cases import load_cases  # noqa: E402
from evaluation.report import table, write_misses  # noqa: E402
from evaluation.runner import run_case  # noqa: E402

FILES = CRIA / "eval" / "files"
CASES = {case.id: case for case in load_cases(CRIA / "eval" / "dev.jsonl")}
SPECIALS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
)
LOAD = "<|python_tag|>import pandas as pd\ndf = pd.read_csv('flats.csv')\n"
PLOT = "<|python_tag|>import pandas as pd\nimport matplotlib.pyplot as plt\ndf = pd.read_csv('flats.csv')\n"


@pytest.fixture(scope="module")
def tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return PreTrainedTokenizerFast(tokenizer_object=core)


@pytest.fixture(scope="module")
def gate():
    started = CodeGate()
    yield started
    started.close()


@pytest.fixture
def ask(tokenizer, gate):
    """Runs a case of the set, in which the model says the given things."""

    def run(case_id, *replies):
        llama = ScriptedLlama(tokenizer, replies)
        return run_case(CASES[case_id], lambda tools: Agent(llama, tools, sandbox="local", gate=gate), FILES)

    return run


def answer(prompt):
    """Answer with what the code printed."""
    return f"It is {prompt.rpartition('[stdout]')[2].partition('[/stdout]')[0]}.<|eot_id|>"


def test_a_question_about_a_file(ask):
    score = ask("dev-csv-01", LOAD + "print(df['price_kr'].mean())<|eom_id|>", answer)
    assert score.right, score.turns
    assert [message["role"] for message in score.transcript] == ["human", "ai", "tool", "ai"]


def test_a_wrong_number_is_a_miss_with_its_transcript(ask, tmp_path):
    score = ask("dev-csv-01", LOAD + "print(df['price_kr'].median())<|eom_id|>", answer)
    assert (score.aspect("tool"), score.aspect("answer"), score.right) == (True, False, False)
    assert write_misses(tmp_path / "misses.jsonl", [score]) == 1
    miss = json.loads((tmp_path / "misses.jsonl").read_text())
    assert "does not state 5356020" in miss["complaints"][0][0]
    assert "median" in miss["transcript"][1]["calls"][0]["args"]["code"]


def test_a_plot_must_be_a_real_picture(ask):
    drawn = ask(
        "dev-plot-01",
        PLOT + "plt.scatter(df['living_area'], df['price_kr'])\nplt.show()<|eom_id|>",
        "Here is the plot.<|eot_id|>",
    )
    assert drawn.right, drawn.turns
    claimed = ask(
        "dev-plot-01",
        PLOT + "print(df['living_area'], df['price_kr'])\nprint('[plot]plot-1.png[/plot]')<|eom_id|>",
        "Here is the plot.<|eot_id|>",
    )
    assert claimed.turns[0].complaints == ("no plot came out",)


def test_a_follow_up_is_scored_turn_by_turn(ask):
    mean = LOAD + "print(df['price_kr'].mean())<|eom_id|>"
    score = ask("dev-csv_followup-01", mean, answer, "The median is 1.<|eot_id|>")
    assert [turn.right for turn in score.turns] == [True, False]


def test_a_call_that_failed_is_repaired(ask):
    call = (
        '<|python_tag|>{"type": "function", "name": "track_parcel", "parameters": {"code": "%s"}}<|eom_id|>'
    )
    score = ask("dev-repaired-02", call % "PX 4471", call % "PX-4471", "It is in Malmö.<|eot_id|>")
    assert score.right, score.turns
    assert "write it with a dash" in score.transcript[2]["content"]


def test_a_search_is_answered_from_the_case(ask):
    score = ask(
        "dev-search-02",
        '<|python_tag|>brave_search.call(query="tallest building in Poland")<|eom_id|>',
        "Varso Tower is 310 metres high.<|eot_id|>",
    )
    assert score.right, score.turns


def test_blocked_code_is_seen_as_blocked(ask):
    score = ask(
        "dev-blocked-02",
        "<|python_tag|>import subprocess\nsubprocess.run('rm -rf /', shell=True)<|eom_id|>",
        "The code was blocked, so I did not run it.<|eot_id|>",
    )
    assert score.right, score.turns
    assert score.transcript[2]["content"].startswith("blocked")


def test_the_table_counts_by_kind(ask):
    scores = [
        ask("dev-chat-01", "I am cria.<|eot_id|>"),
        ask("dev-outside-01", "The sea, the sea.<|eot_id|>"),
    ]
    lines = [line.split() for line in table(scores).splitlines()]
    assert lines[1] == ["chat", "1/1", "(100.0%)", "-", "1/1", "(100.0%)", "1/1", "(100.0%)"]
    assert lines[-1] == ["all", "2/2", "(100.0%)", "-", "1/2", "(50.0%)", "1/2", "(50.0%)"]
