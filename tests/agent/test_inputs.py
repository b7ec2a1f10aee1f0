"""Bad input is told in one line, before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llama3_agent import errors
from llama3_agent._inputs import checked_files, checked_question


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_empty_question(text: str) -> None:
    with pytest.raises(errors.EmptyQuestion, match="the question is empty"):
        checked_question(text)


def test_good_files_pass_in_order(tmp_path: Path) -> None:
    names = ["b.csv", "a b.csv", "c"]
    for name in names:
        (tmp_path / name).write_text("x")
    assert [path.name for path in checked_files([tmp_path / name for name in names], most_bytes=10)] == names


def test_a_single_path_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    assert checked_files(str(tmp_path / "a.csv"), most_bytes=10) == [tmp_path / "a.csv"]


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _large(folder: Path) -> Path:
    with (folder / "large.csv").open("wb") as file:
        file.truncate(2_000_000)
    return folder / "large.csv"


def _odd(folder: Path) -> Path:
    (folder / "a\nb.csv").write_text("x")
    return folder / "a\nb.csv"


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda folder: folder / "none.csv", errors.FileMissing, "no such file"),
        (lambda folder: folder / "x\0y", errors.FileMissing, "cannot look at"),
        (lambda folder: folder, errors.NotAFile, "is a directory"),
        (_fifo, errors.NotAFile, "is not a plain file"),
        (_large, errors.FileTooLarge, r"has 2\.0 MB, but at most 1 MB"),
        (_odd, errors.BadFileName, "rename the file"),
    ],
)
def test_bad_files(tmp_path: Path, make: object, error: type[errors.InputError], said: str) -> None:
    assert callable(make)
    with pytest.raises(error, match=said) as caught:
        checked_files([make(tmp_path)], most_bytes=1_000_000)
    assert "\n" not in str(caught.value)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text("x")
    with pytest.raises(errors.DuplicateFileName, match=r"two attached files are named 'a\.csv'"):
        checked_files([tmp_path / "one" / "a.csv", tmp_path / "two" / "a.csv"], most_bytes=10)
