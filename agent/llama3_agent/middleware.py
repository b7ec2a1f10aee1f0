"""Middleware for ``langchain.agents.create_agent`` (needs the package ``langchain``)."""

from __future__ import annotations

from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState, hook_config
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.runtime import Runtime

__all__ = ["MendCalls"]


class MendCalls(AgentMiddleware[AgentState[Any], Any, Any]):
    """Tells the model what was wrong with a call that cannot be read, and lets it try again.

    By itself ``create_agent`` takes a message with nothing but unreadable calls for the end.

    Args:
        attempts: Messages in a row with such calls before the agent ends after all.
    """

    def __init__(self, attempts: int = 3) -> None:
        super().__init__()
        self._attempts = attempts

    @hook_config(can_jump_to=["model"])
    def after_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Answer each unreadable call with its error; go back to the model if there is nothing else."""
        del runtime
        messages = state["messages"]
        last = messages[-1]
        if not isinstance(last, AIMessage) or not last.invalid_tool_calls:
            return None
        written = [message for message in messages if isinstance(message, AIMessage)][-self._attempts :]
        if len(written) == self._attempts and all(message.invalid_tool_calls for message in written):
            return None
        errors = [
            ToolMessage(
                f"error: {call['error'] or 'the call cannot be read'}",
                tool_call_id=call["id"] or "",
                name=call["name"],
                status="error",
            )
            for call in last.invalid_tool_calls
        ]
        return {"messages": errors} | ({} if last.tool_calls else {"jump_to": "model"})
