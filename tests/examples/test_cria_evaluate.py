"""The harness that scores the embedded model: what it takes as right, and whether its questions are sound."""

import csv
import datetime
import json
import re
import sys
from pathlib import Path

import pytest

CRIA = Path(__file__).parents[2] / "examples" / "cria"
sys.path.insert(0, str(CRIA))

from evaluation.answers import contains, numbers_in, says_beyond_it, says_stopped, states  # noqa: E402
from evaluation.cases import load_cases  # noqa: E402
from evaluation.checks import Call, Observation, check_turn  # noqa: E402
from evaluation.expected import pandas_value, python_value  # noqa: E402
from evaluation.functions import function_tool  # noqa: E402

FILES = CRIA / "eval" / "files"
SETS = ("dev", "dev2", "test")
CASES = [case for name in SETS for case in load_cases(CRIA / "eval" / f"{name}.jsonl")]
WEATHER = {
    "name": "forecast",
    "description": "Weather forecast for some days ahead.",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "City."},
            "days": {"type": "integer", "description": "How many days.", "default": 1},
            "unit": {"type": "string", "enum": ["C", "F"], "description": "Unit.", "default": "C"},
        },
        "required": ["city"],
    },
    "returns": [{"raise": "no such city"}, {"max": 6}],
}


def seen(output="Yes.", *calls, results=("completed",), finish="answered", **more):
    return Observation(output, finish, tuple(calls), tuple(results), **more)


def code(text="df['a'].mean()"):
    return Call("code_interpreter", {"code": text})


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("The mean is 5,356,020.83.", 5356020.8333),
        ("It is 5356021", 5356020.8333),
        ("The correlation is −0.04.", -0.0409734),
        ("r = 0.98", 0.979303997),
        ("3 of them", 3),
        ("3.0", 3),
        ("a total of 4,464 units", 4464),
        ("The value is 8.7178291e10", 8.7178291e10),
        ("They are [2, 2, 3, 5].", [2, 3, 5]),
        ("Frogner: 4.1, Sagene: 6.2", {"Frogner": 4.1, "Sagene": 6.2}),
        ("4.1 in Frogner and 6.2 in Sagene", {"Frogner": 4.1, "Sagene": 6.2}),
        ("7a: 7.6, 7b: 7.08", {"7a": 7.6, "7b": 7.0769}),
        ("45.3, the Strada S", [45.3, "Strada S"]),
        ("That was on February 28, 2024.", datetime.date(2024, 2, 28)),
        ("28 Feb 2024", "2024-02-28"),
        ("['apple', 'fig']", "apple, fig"),
        ("Yes, 97 is prime.", True),
        ("No, 91 = 7 * 13.", False),
        ("91 isn't prime", False),
        ("False", False),
    ],
)
def test_an_answer_that_states_the_fact(text, want):
    assert states(text, want)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("The mean is 5,350,000.", 5356020.8333),
        ("about 1", 0.979303997),
        ("7920", 7919),
        ("The plot is in plot-3.png.", 3),
        ("It was 2022-04-30.", 30),
        ("[3, 2, 5]", [2, 3, 5]),
        ("Frogner: 6.2, Sagene: 4.1", {"Frogner": 4.1, "Sagene": 6.2}),
        ("Frogner: 4.1", {"Frogner": 4.1, "Sagene": 6.2}),
        ("The person is Ada.", "Per"),
        ("0.00", 0.004),
        ("", True),
        ("2024-03-28", datetime.date(2024, 2, 28)),
        ("It is 5.", -5),
    ],
)
def test_an_answer_that_does_not(text, want):
    assert not states(text, want)


def test_a_number_with_commas_counts_whole_and_in_parts():
    assert [number.value for number in numbers_in("[100,200] and 1,000.5")] == [
        100200,
        100,
        200,
        1000.5,
        1,
        0.5,
    ]


def test_case_matters_only_when_asked():
    assert contains("the END", "The end")
    assert not contains("quiet harbour", "QUIET HARBOUR", case=True)


@pytest.mark.parametrize("text", ["I can't write poems.", "Sorry, that is outside what I know."])
def test_owning_to_a_limit(text):
    assert says_beyond_it(text)
    assert not says_beyond_it("Roses are red, violets are blue.")


def test_saying_that_code_was_stopped():
    assert says_stopped("The code was blocked by the safety check.")
    assert not says_stopped("Here is the listing: passwd, hosts.")


def test_a_right_answer_from_the_right_tool():
    score = check_turn({"tool": "code_interpreter", "number": 4.5}, seen("The mean is 4.5.", code()))
    assert (score.tool, score.arguments, score.answer, score.right) == (True, None, True, True)


@pytest.mark.parametrize(
    ("expect", "what", "aspect"),
    [
        ({"tool": "code_interpreter"}, seen("4.5"), "tool"),
        ({"tool": "code_interpreter"}, seen("4.5", code(), Call("brave_search", {"query": "x"})), "tool"),
        ({"no_tool": True}, seen("Hello!", code()), "tool"),
        ({"tool": "code_interpreter"}, seen("4.5", code(), malformed=1), "tool"),
        ({"number": 4.5}, seen("The mean is 5.4.", code()), "answer"),
        ({"number": 4.5}, seen("4.5", code(), finish="max_steps"), "answer"),
        ({}, seen(" "), "answer"),
        ({"contains": ["sun", ["sleet", "snow"]]}, seen("sun and rain"), "answer"),
        ({"not_contains": ["rain"]}, seen("sun and Rain"), "answer"),
        ({"plot": True}, seen("See the plot.", code()), "answer"),
        ({"plot": True}, seen("See the plot.", plots=1), "tool"),
        ({"plot_labels": ["age"]}, seen("See the plot.", code("plt.hist(df['hp'])"), plots=1), "arguments"),
        ({"refuses": True}, seen("The sea, the sea."), "answer"),
        (
            {"blocked": True},
            seen("It was blocked.", code(), results=("completed\n[stdout]x[/stdout]",)),
            "tool",
        ),
        ({"blocked": True}, seen("Done.", code(), results=("blocked",)), "answer"),
        ({"query": ["Poland"]}, seen("310", Call("brave_search", {"query": "tallest tower"})), "arguments"),
        ({"python_any": ["1", "2"]}, seen("It is 3."), "answer"),
    ],
)
def test_what_counts_as_wrong(expect, what, aspect):
    score = check_turn(expect, what)
    assert not score.right
    assert [name for name in ("tool", "arguments", "answer") if getattr(score, name) is False] == [aspect]


def test_blocked_code_that_is_owned_to():
    what = seen("I cannot: the code was blocked.", code(), results=("blocked\n[gate]line 1: no[/gate]",))
    assert check_turn({"blocked": True}, what).right


@pytest.mark.parametrize(
    ("args", "right"),
    [
        ({"city": "Cork"}, True),
        ({"city": "Cork", "days": 1, "unit": "C"}, True),
        ({"city": "Cork", "days": 1.0}, True),
        ({"city": "cork"}, False),
        ({"city": "Cork", "days": 2}, False),
        ({"city": "Cork", "days": True}, False),
        ({"city": "Cork", "zip": 1}, False),
    ],
)
def test_arguments_are_compared_exactly_save_for_defaults(args, right):
    expect = {"calls": [{"name": "forecast", "args": {"city": "Cork"}}]}
    score = check_turn(expect, seen("6 degrees", Call("forecast", args)), functions=[WEATHER])
    assert (score.tool, score.arguments) == (True, right)


def test_calls_are_compared_in_order():
    expect = {"calls": [{"name": "forecast", "args": {"city": name}} for name in ("Bergen", "Seville")]}
    calls = [Call("forecast", {"city": name}) for name in ("Bergen", "Seville")]
    assert check_turn(expect, seen("Seville", *calls)).right
    assert not check_turn(expect, seen("Seville", *reversed(calls))).right
    assert not check_turn(expect, seen("Seville", calls[0])).right


def test_a_described_function_becomes_a_tool_that_checks_and_answers():
    tool = function_tool(WEATHER)
    with pytest.raises(ValueError, match="no such city"):
        tool.invoke({"city": "Atlantis"})
    assert tool.invoke({"city": "Cork"}) == {"max": 6}
    assert tool.invoke({"city": "Cork"}) == {"max": 6}
    with pytest.raises(ValueError, match="unit"):
        tool.invoke({"city": "Cork", "unit": "K"})


def test_a_broken_case_is_named(tmp_path):
    path = tmp_path / "cases.jsonl"
    case = {"id": "a", "kind": "csv", "files": [], "functions": [], "search": None}
    path.write_text(json.dumps(case | {"turns": [{"user": "x", "expect": {"nunber": 1}}]}))
    with pytest.raises(ValueError, match=r"cases.jsonl:1: unknown expectation nunber"):
        load_cases(path)
    path.write_text("\n" + json.dumps(case))
    with pytest.raises(ValueError, match=r"cases.jsonl:2: not a case"):
        load_cases(path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_expectation_can_be_worked_out(case):
    paths = [FILES / name for name in case.files]
    for turn in case.turns:
        values = [pandas_value(turn.expect["pandas"], paths)] if "pandas" in turn.expect else []
        values += [python_value(turn.expect["python"])] if "python" in turn.expect else []
        values += [python_value(each) for each in turn.expect.get("python_any", ())]
        assert all(value is not None and value == value and value != [] for value in values)


@pytest.mark.parametrize(
    "case", [case for case in CASES if "idx" in str(case.turns)], ids=lambda case: case.id
)
def test_a_question_for_an_extreme_has_one_answer(case):
    for turn in case.turns:
        for column, side in re.findall(r"df\['([^']+)'\]\.idx(max|min)", turn.expect.get("pandas", "")):
            best = f"df['{column}'].{side}()"
            assert pandas_value(f"(df['{column}'] == {best}).sum()", [FILES / case.files[0]]) == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_expected_call_is_one_that_the_functions_accept(case):
    tools = {function["name"]: function_tool(function) for function in case.functions}
    for turn in case.turns:
        for call in turn.expect.get("calls", ()):
            tools[call["name"]].args_schema.model_validate(call["args"])


def test_the_sets_are_large_and_share_no_question():
    texts = {name: [c.turns[0].user for c in load_cases(CRIA / "eval" / f"{name}.jsonl")] for name in SETS}
    assert all(len(set(texts[name])) == len(texts[name]) >= 160 for name in SETS)
    assert len(set().union(*texts.values())) == sum(map(len, texts.values()))
    assert len({case.id for case in CASES}) == len(CASES)


def test_the_files_can_be_made_again(tmp_path):
    sys.path.insert(0, str(CRIA / "eval"))
    from make_files import write_files

    written = write_files(tmp_path)
    assert [path.name for path in written]
    assert all(path.read_bytes() == (FILES / path.name).read_bytes() for path in written)
    assert all(21 <= sum(1 for _ in csv.reader(path.open(encoding="utf-8"))) <= 61 for path in written)
