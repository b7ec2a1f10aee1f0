"""What the model reads about code that it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

CodeStatus: TypeAlias = Literal["completed", "failed", "timeout"]


def code_output(
    status: CodeStatus,
    *,
    stdout: str = "",
    stderr: str = "",
    plots: Sequence[str] = (),
    files: Sequence[str] = (),
) -> str:
    """The content of the tool message for code that ran: how it ended, then only the parts there are.

    Args:
        status: How the code ended.
        stdout: What it printed, and the value of its last expression.
        stderr: What it complained of.
        plots: The names of the figures it drew.
        files: The names of the files it left.

    Source: the form that Llama 3.1's code interpreter was trained on, with plots and files of our own,
    https://www.llama.com/docs/model-cards-and-prompt-formats/llama3_1/.
    """
    lines: list[str] = [status]
    if stdout:
        lines.append(f"[stdout]{stdout}[/stdout]")
    if stderr:
        lines.append(f"[stderr]{stderr}[/stderr]")
    lines += [f"[plot]{name}[/plot]" for name in plots]
    if files:
        lines.append(f"[files]{', '.join(files)}[/files]")
    return "\n".join(lines)
