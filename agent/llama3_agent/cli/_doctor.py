"""``llama3-agent doctor``: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from llama3_tools import CodeGate, GateUnavailable, LocalSandbox, SandboxError
from llama3_tools.sandbox import probe

from .._checks import can_constrain
from .._text import one_line
from ..engine import EngineError
from ._guards import GuardOptions
from ._setup import load_engine

Status = Literal["ok", "optional", "broken"]
GUARDS = (
    "meta-llama/Llama-Guard-3-8B",
    "meta-llama/Llama-Guard-3-1B",
    "meta-llama/Llama-Prompt-Guard-2-86M",
    "meta-llama/Llama-Prompt-Guard-2-22M",
    "meta-llama/Prompt-Guard-86M",
)
INSECURE = "import pickle\npickle.loads(open('x', 'rb').read())\n"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: ``optional`` is missing but not needed, ``broken`` must be mended."""

    name: str
    status: Status
    detail: str


def examine(model: str, guards: GuardOptions) -> int:
    """Print the report as it comes; return 1 when something needed is broken, else 0."""
    broken = 0
    for finding in _findings(model, guards):
        mark = {"ok": "ok      ", "optional": "optional", "broken": "BROKEN  "}[finding.status]
        print(f"{mark}  {finding.name:<9}  {one_line(finding.detail)}", flush=True)
        broken += finding.status == "broken"
    print(f"{broken} broken; mend what is marked BROKEN" if broken else "everything needed works")
    return 1 if broken else 0


def _findings(model: str, guards: GuardOptions) -> Iterator[Finding]:
    yield _try("model", lambda: _model(model))
    yield _try("gate", _gate)
    yield _or_weaker(_try("sandbox", _sandbox))
    yield _gpu()
    yield _grammar()
    yield _try("guards", lambda: _active(guards)) if guards.given else _no_guards()
    yield _key("search", "BRAVE_API_KEY", "brave_search")
    yield _key("wolfram", "WOLFRAM_ALPHA_APP_ID", "wolfram_alpha")
    yield _key("e2b", "E2B_API_KEY", "the remote sandbox of e2b.dev")


def _try(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", check())
    except (EngineError, GateUnavailable, SandboxError, OSError) as error:
        return Finding(name, "broken", str(error))


def _model(model: str) -> str:
    engine = load_engine(model)
    return f"{model} is loaded: Llama {engine.family}, context of {engine.context_length:,} tokens"


def _gate() -> str:
    gate = CodeGate()
    try:
        clean, insecure = gate.scan("print(1 + 1)\n"), gate.scan(INSECURE)
    finally:
        gate.close()
    if clean.decision == "block" or insecure.decision != "block":
        said = "; ".join(finding.message for finding in (*clean.findings, *insecure.findings))
        raise GateUnavailable(
            f"it does not tell good code from bad ({said or 'it found nothing'}); no code will run"
        )
    return f"it passes harmless code and stops insecure code; layers: {', '.join(insecure.layers)}"


def _sandbox() -> str:
    with LocalSandbox() as box:
        execution = box.run_code("6 * 7")
        isolation = box.isolation
    if execution.text != "42":
        raise SandboxError(f"it does not run code: {execution.error}")
    return f"isolated by {isolation.level}: {isolation.detail}"


def _or_weaker(finding: Finding) -> Finding:
    """The finding, and where the sandbox is refused, whether the weaker level could be asked for."""
    if finding.status == "ok":
        return finding
    try:
        probe("landlock")
    except SandboxError as error:
        return replace(finding, detail=f"{finding.detail}; nor is the weaker level to be had: {error}")
    weaker = "the weaker level works here: Agent(sandbox='landlock'), after reading docs/sandbox.md"
    return replace(finding, detail=f"{finding.detail}; {weaker}")


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("gpu", "ok", torch.cuda.get_device_name())
    return Finding(
        "gpu", "optional", "none; models run on the CPU, which is enough for cria and slow for 8B and up"
    )


def _grammar() -> Finding:
    if can_constrain():
        return Finding("grammar", "ok", "calls of custom tools are held to their declarations, by llguidance")
    detail = (
        "llguidance is not installed; with pip install 'llama3-agent[grammar]', calls always fit their tools"
    )
    return Finding("grammar", "optional", detail)


def _active(guards: GuardOptions) -> str:
    active = ", ".join(guards.load().panel().active)
    return f"loaded and active with these options: {active}; a finding means {guards.policy!r}"


def _no_guards() -> Finding:
    from huggingface_hub import try_to_load_from_cache

    here = [name for name in GUARDS if isinstance(try_to_load_from_cache(name, "config.json"), str)]
    found = (
        f"in the local cache: {', '.join(here)}" if here else "no weights of Meta's guards in the local cache"
    )
    detail = f"none is active unless given with --guard, or to Agent(guards=[...]); {found}"
    return Finding("guards", "optional", detail)


def _key(name: str, variable: str, purpose: str) -> Finding:
    if os.environ.get(variable, "").strip():
        return Finding(name, "ok", f"{variable} is set")
    return Finding(name, "optional", f"{variable} is not set; export it to use {purpose}")
