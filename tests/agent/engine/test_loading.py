"""Where models come from, and how it is said when they do not."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from llama3_agent._llama import Llama
from llama3_agent.engine import (
    MissingSpecialTokens,
    ModelError,
    ModelNotFound,
    ModelUnsuitable,
    Sampling,
)

from .conftest import SPECIALS, byte_tokenizer, save_model


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to break."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def refusal(folder: str | Path, **keywords: object) -> ModelError:
    with pytest.raises(ModelError) as caught:
        Llama(folder, progress=False, **keywords)
    assert "\n" not in str(caught.value)
    return caught.value


def test_what_a_loaded_model_says_of_itself(folder: Path) -> None:
    llama = Llama(folder, device="cpu", progress=False)
    assert llama.name == str(folder)
    assert llama.family == "3.1"
    assert llama.context_length == 512
    assert (llama.device, llama.dtype) == (torch.device("cpu"), torch.float32)
    assert llama.parameters == sum(t.numel() for t in load_file(folder / "model.safetensors").values())
    assert "tiny" in repr(llama)


def test_text_and_ids_stay_in_step(folder: Path) -> None:
    tokenizer = Llama(str(folder), device="cpu", progress=False).tokenizer
    text = " it 's <|eot_id|> spaced , oddly !"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.mark.parametrize("name", ["no-such-model", "./nowhere", "/no/such/folder", "~/no-such", "a/b/c", ""])
def test_names_that_are_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    error = refusal(name)
    assert isinstance(error, ModelNotFound)
    assert f"no folder {name!r}" in str(error)


@pytest.mark.parametrize("name", ["./nowhere", "."])
def test_a_wrong_folder_is_told_before_anything_heavy_is_loaded(name: str, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom llama3_agent import EngineError, Llama\n"
        f"try: Llama({name!r})\nexcept EngineError as error: print(error)\n"
        "print(sorted({'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    said, loaded = done.stdout.splitlines()
    assert "there is no folder './nowhere'" in said or "holds no config.json" in said
    assert loaded == "[]"


def test_a_file_is_no_folder(folder: Path) -> None:
    assert "is a file" in str(refusal(folder / "config.json"))


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.json", "holds no config.json"),
        ("model.safetensors", "holds no *.safetensors"),
        ("tokenizer.json", "holds no tokenizer.json"),
    ],
)
def test_missing_files(copy: Path, missing: str, message: str) -> None:
    (copy / missing).unlink()
    error = refusal(copy)
    assert isinstance(error, ModelUnsuitable)
    assert message in str(error)


@pytest.mark.parametrize("damaged", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1}'], ids=["empty", "cut", "other"])
def test_damaged_files(copy: Path, damaged: str, content: bytes) -> None:
    (copy / damaged).write_bytes(content)
    assert isinstance(refusal(copy), ModelUnsuitable)


def test_weights_cut_short(copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    assert "cannot be loaded" in str(refusal(copy))


def test_weights_that_lack_a_layer(copy: Path) -> None:
    path = copy / "model.safetensors"
    kept = {name: t for name, t in load_file(path).items() if "layers.1.mlp" not in name}
    save_file(kept, path, metadata={"format": "pt"})
    assert "lack 3 tensors" in str(refusal(copy))


def test_weights_of_another_shape(copy: Path) -> None:
    edit_config(copy, intermediate_size=64)
    assert isinstance(refusal(copy), ModelUnsuitable)


def test_another_kind_of_model(copy: Path) -> None:
    edit_config(copy, model_type="qwen2")
    assert "type 'qwen2'" in str(refusal(copy))


@pytest.mark.parametrize("dropped", SPECIALS)
def test_a_tokenizer_without_llama_3_markers(copy: Path, dropped: str) -> None:
    byte_tokenizer(tuple(t for t in SPECIALS if t != dropped)).save_pretrained(copy)
    error = refusal(copy)
    assert isinstance(error, MissingSpecialTokens)
    assert dropped in str(error)


def test_a_tokenizer_of_another_model(copy: Path) -> None:
    byte_tokenizer((*SPECIALS, *(f"<|more_{i}|>" for i in range(9)))).save_pretrained(copy)
    assert "do not belong together" in str(refusal(copy))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"device": "teapot"}, "teapot"),
        ({"dtype": "float8"}, "float8"),
        ({"context_length": 513}, "512"),
        ({"context_length": 1}, "512"),
    ],
)
def test_keywords_that_do_not_suit(folder: Path, keywords: dict[str, object], message: str) -> None:
    assert message in str(refusal(folder, **keywords))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(folder: Path) -> None:
    assert "no CUDA GPU" in str(refusal(folder, device="cuda"))


def test_a_shorter_context(folder: Path) -> None:
    assert Llama(folder, device="cpu", progress=False, context_length=100).context_length == 100


@pytest.mark.parametrize(
    ("name", "changes", "family"),
    [
        ("Llama-3.3-70B-Instruct", {}, "3.3"),
        ("Llama-3.2-1B", {}, "3.2"),
        ("my-model", {"llama3_family": "3.3"}, "3.3"),
        ("tuned-v13.15", {}, "3.1"),
        (
            "stretched",
            {
                "rope_parameters": {
                    "rope_type": "llama3",
                    "rope_theta": 500000.0,
                    "factor": 32.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 64,
                }
            },
            "3.2",
        ),
    ],
)
def test_family(tmp_path: Path, name: str, changes: dict[str, object], family: str) -> None:
    folder = save_model(tmp_path / name)
    edit_config(folder, **changes)
    assert Llama(folder, device="cpu", progress=False).family == family


def test_first_family_has_no_tool_tokens(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "Meta-Llama-3-8B")
    reserved = tuple(t for t in SPECIALS if t not in ("<|eom_id|>", "<|python_tag|>"))
    byte_tokenizer((*reserved, "<|reserved_special_token_0|>")).save_pretrained(folder)
    llama = Llama(folder, device="cpu", progress=False)
    assert llama.family == "3"
    assert len(llama.stop_ids) == 2


def test_a_long_prompt_is_read_with_a_bar(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llama3_agent.engine._progress._PATIENCE_SECONDS", 0.0)
    llama = Llama(folder, device="cpu", progress=True)
    llama._runner.chunk = 16
    capfd.readouterr()
    for progress, shown in ((True, True), (False, False), (None, False)):
        llama._progress = progress
        llama.complete(list(range(1, 100)), tenant=str(progress), sampling=Sampling(max_tokens=2))
        assert ("Reading the prompt" in capfd.readouterr().err) is shown


def test_a_bar_on_stderr_only_when_asked_for(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Llama(folder, device="cpu")
    Llama(folder, device="cpu", progress=False)
    assert capfd.readouterr() == ("", "")
    Llama(folder, device="cpu", progress=True)
    shown = capfd.readouterr()
    assert "Loading tiny" in shown.err
    assert shown.out == ""


class _Hub(BaseHTTPRequestHandler):
    """Answers like the Hugging Face hub does for models one may not have."""

    def do_GET(self) -> None:
        gated = "gated" in self.path
        self.send_response(403 if gated else 404)
        self.send_header("X-Error-Code", "GatedRepo" if gated else "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


TRY = """
import sys
from llama3_agent._llama import Llama
from llama3_agent.engine import ModelError
for name in sys.argv[1:]:
    try:
        Llama(name, device="cpu", progress=False)
        print("loaded")
    except ModelError as error:
        print(type(error).__name__, error)
"""


def in_fresh_process(home: Path, *names: str, **environment: str) -> list[str]:
    """Outcome of loading each name in a process with an empty home and these variables."""
    done = subprocess.run(
        [sys.executable, "-c", TRY, *names],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "HF_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def test_models_the_hub_does_not_give(hub: str, tmp_path: Path) -> None:
    gated, unknown = in_fresh_process(tmp_path, "some/gated-llama", "some/typo", HF_ENDPOINT=hub)
    assert gated.startswith("ModelUnavailable 'some/gated-llama' is gated: accept its licence")
    assert unknown.startswith("ModelNotFound there is no folder 'some/typo' and no such model")


def test_without_a_network(folder: Path, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    remote, local = in_fresh_process(tmp_path, "some/llama", str(folder), HF_ENDPOINT=nowhere)
    assert remote.startswith("ModelUnavailable 'some/llama' is not in the local cache")
    assert local == "loaded"


def test_offline_mode(tmp_path: Path) -> None:
    (said,) = in_fresh_process(tmp_path, "some/llama", HF_HUB_OFFLINE="1")
    assert said.startswith("ModelUnavailable 'some/llama' is not in the local cache")


def test_importing_the_engine_loads_nothing_heavy() -> None:
    code = (
        "import sys, llama3_agent._llama, llama3_agent._scripted, llama3_agent.engine;"
        "print([m for m in ('torch', 'transformers', 'huggingface_hub', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
