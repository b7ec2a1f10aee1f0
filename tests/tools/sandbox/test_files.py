"""Files in and out."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama3_tools.sandbox import FileInfo, LocalSandbox, SandboxFileError


def test_upload_read_write_download(fresh: LocalSandbox, tmp_path: Path) -> None:
    source = tmp_path / "my data.csv"
    source.write_text("a\n1\n")
    assert fresh.upload(source) == "my data.csv"
    execution = fresh.run_code("text = open('my data.csv').read()\nopen('out.txt', 'w').write(text * 2);")
    assert execution.files == ("out.txt",)
    assert fresh.list_files() == [FileInfo("my data.csv", 4), FileInfo("out.txt", 8)]
    assert fresh.download("out.txt") == b"a\n1\na\n1\n"


def test_uploaded_files_can_be_changed_and_changes_are_listed(fresh: LocalSandbox) -> None:
    fresh.upload(b"1", "a.txt")
    code = (
        "open('a.txt', 'a').write('2')\nimport os\nos.makedirs('deep/er')\nopen('deep/er/b.txt', 'w').close()"
    )
    assert fresh.run_code(code).files == ("a.txt", "deep/er/b.txt")
    assert fresh.download("a.txt") == b"12"
    assert fresh.run_code("os.remove('a.txt')").files == ()


def test_files_given_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("1")
    with LocalSandbox([tmp_path / "x.csv"], packages=()) as box:
        assert [file.name for file in box.list_files()] == ["x.csv"]


def test_fifty_megabytes(tmp_path: Path) -> None:
    big = tmp_path / "big.csv"
    big.write_bytes(b"price,area\n" + b"1234567,89.50\n" * (50 * 2**20 // 14))
    with LocalSandbox([big]) as box:
        code = "import pandas as pd\ndf = pd.read_csv('big.csv')\n(len(df), float(df.price.mean()))"
        assert box.run_code(code, timeout=120).text == f"({50 * 2**20 // 14}, 1234567.0)"


def test_too_big_a_file(fresh: LocalSandbox) -> None:
    with pytest.raises(SandboxFileError, match="holds 16 MB in all; ask for more with `disk_mb=`"):
        fresh.upload(bytes(20 * 2**20), "big.bin")
    assert fresh.list_files() == []
    assert fresh.run_code("open('ok', 'w').write('x')").error is None


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "..", ".", "", "a\x00b", "..\\x"])
def test_upload_names_that_are_refused(fresh: LocalSandbox, name: str) -> None:
    with pytest.raises(SandboxFileError):
        fresh.upload(b"", name)


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("Umsätze 2024 (final).csv", "Umsätze 2024 (final).csv"),
        ("बिक्री.csv", "बिक्री.csv"),
        ("ยอดที่ขาย.csv", "ยอดที่ขาย.csv"),
        ("a\ufe0fb\u200dc\u202ed.csv", "a_b_c_d.csv"),
        (".hidden", "hidden"),
        ("a\nb\x1b[31m.csv", "a_b_[31m.csv"),
        ("x" * 300 + ".csv", "x" * 146 + ".csv"),
        ("<|eot_id|>.csv", "__eot_id__.csv"),
    ],
)
def test_upload_names_that_are_mended(fresh: LocalSandbox, name: str, inside: str) -> None:
    assert fresh.upload(b"1", name) == inside
    assert [file.name for file in fresh.list_files()] == [inside]


def test_missing_source(fresh: LocalSandbox, tmp_path: Path) -> None:
    with pytest.raises(SandboxFileError, match="no such file"):
        fresh.upload(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="need a `name`"):
        fresh.upload(b"1")


@pytest.mark.parametrize(
    "code",
    [
        "os.symlink('/etc/passwd', 'bait')",
        "os.symlink('/proc/self/environ', 'bait')",
        "os.mkfifo('bait')",
        "open('real', 'w').close(); os.link('real', 'bait')",
        "os.mkdir('bait')",
        "import socket; s = socket.socket(socket.AF_UNIX); s.bind('bait')",
    ],
)
def test_only_ordinary_files_come_out(fresh: LocalSandbox, code: str) -> None:
    assert fresh.run_code("import os\n" + code).error is None
    assert "bait" not in [file.name for file in fresh.list_files()]
    with pytest.raises(SandboxFileError):
        fresh.download("bait")


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/passwd", "..", "link/passwd", "none", "a\x00b"])
def test_downloads_stay_inside(fresh: LocalSandbox, name: str) -> None:
    fresh.run_code("import os\nos.symlink('/etc', 'link')")
    with pytest.raises(SandboxFileError):
        fresh.download(name)


def test_hostile_names_are_not_listed(fresh: LocalSandbox) -> None:
    code = r"for name in (b'\xff', b'a\nb', b'\x1b[31m', b'.h', b'ok'): open(name, 'w').close()"
    fresh.run_code(code)
    assert [file.name for file in fresh.list_files()] == ["ok"]


def test_sparse_and_many_files_are_bounded(fresh: LocalSandbox) -> None:
    code = """
with open('sparse', 'wb') as target: target.truncate(15 * 2**20)
for number in range(3000): open(f'f{number}', 'w').close()
"""
    fresh.run_code(code)
    assert len(fresh.download("sparse")) == 15 * 2**20
    assert len(fresh.list_files()) <= 1_000


def test_upload_over_a_link_replaces_the_link(fresh: LocalSandbox) -> None:
    fresh.run_code("import os\nos.symlink('/tmp/elsewhere', 'data.csv')")
    fresh.upload(b"1", "data.csv")
    assert (
        fresh.run_code("os.path.islink('data.csv'), os.path.exists('/tmp/elsewhere')").text
        == "(False, False)"
    )
