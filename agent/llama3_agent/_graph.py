"""The way of a turn, as a LangGraph state machine.

::

    guard_input ──> generate ──> answered? ──> guard_output ──> (structure) ──> END
                     ▲    │ calls
                     │    ▼
                     │   scan ──> approve (interrupt) ──> execute, each call beside the others
                     │     │ nothing may run                 │
                     └─────┴──── observe <── guard_results <─┘

Where a guard wants a person to decide, ``confirm`` comes next, which begins with an interrupt too.

Each node returns the keys of `State` that it changes. What a turn shows on its way goes out as events through
LangGraph's custom stream. Nothing with an effect comes before the interrupt in ``approve``: LangGraph runs a
node from its top again when it resumes.
"""

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from ._calls import jobs, undecided, unscanned
from ._state import Job, State
from .guards._watch import unseen
from .nodes._acting import Acting
from .nodes._guarding import Guarding
from .nodes._kit import Kit
from .nodes._writing import Writing


class Loop:
    """The nodes, and the ways between them.

    Args:
        kit: What the nodes work with.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._writing, self._acting, self._guarding = Writing(kit), Acting(kit), Guarding(kit)

    def compile(self) -> CompiledStateGraph[State, None, State, State]:
        """Return the runnable graph."""
        graph = StateGraph(State)
        graph.add_node("guard_input", self._guarding.guard_input)
        graph.add_node("generate", self._writing.generate)
        graph.add_node("guard_output", self._guarding.guard_output)
        graph.add_node("structure", self._writing.structure)
        graph.add_node("scan", self._acting.scan)
        graph.add_node("approve", self._acting.approve)
        # LangGraph's types know nodes with a config or a runtime, its code both.
        graph.add_node("execute", self._acting.execute, input_schema=Job)  # type: ignore[arg-type]
        graph.add_node("observe", self._acting.observe)
        graph.add_node("confirm", self._guarding.confirm)
        graph.add_edge(START, "guard_input")
        graph.add_conditional_edges("guard_input", self.after_guard, ["generate", "confirm", END])
        handling = ["scan", "approve", "execute", "observe"]
        graph.add_conditional_edges(
            "generate", self.after_generate, [*handling, "generate", "guard_output", END]
        )
        graph.add_conditional_edges("scan", self.after_calls, handling)
        graph.add_conditional_edges("approve", self.after_calls, handling)
        if self._kit.watch.stands_at("tool"):
            graph.add_node("guard_results", self._guarding.guard_results)
            graph.add_edge("execute", "guard_results")
            graph.add_conditional_edges("guard_results", self.after_results, ["confirm", "observe"])
        else:
            graph.add_edge("execute", "observe")
        graph.add_conditional_edges("observe", self.after_guard, ["generate", "guard_output", END])
        graph.add_conditional_edges("guard_output", self.after_answer, ["confirm", "structure", END])
        graph.add_conditional_edges("confirm", self.after_confirm, ["generate", "observe", "structure", END])
        graph.add_edge("structure", END)
        return graph.compile(checkpointer=self._kit.memory)

    def after_guard(self, state: State) -> str:
        """Where to go when a message for the model has been added."""
        if state["held"] is not None:
            return "confirm"
        return self._end(state) if state["finish_reason"] else "generate"

    def after_results(self, state: State) -> str:
        """Where to go with what came of the calls."""
        return "confirm" if state["held"] is not None else "observe"

    def after_confirm(self, state: State) -> str:
        """Where to go when a person has decided about a question, results or an answer."""
        if state["calls"]:
            return "observe"
        return self.after_guard(state) if state["output"] is None else self.after_answer(state)

    def after_generate(self, state: State) -> str | list[Send]:
        """Where to go when the model has written."""
        if state["calls"]:
            return "observe" if state["finish_reason"] else self.after_calls(state)
        if state["finish_reason"]:
            return self._end(state)
        return "guard_output" if state["output"] is not None else "generate"

    def after_calls(self, state: State) -> str | list[Send]:
        """Where to go with the calls of a message: to the gate, to who decides, then all at once."""
        if unscanned(state, self._kit.is_code) or unseen(state, self._kit.watch):
            return "scan"
        if undecided(state, self._kit.approval.waits):
            return "approve"
        return [Send("execute", job) for job in self._jobs(state)] or "observe"

    def after_answer(self, state: State) -> str:
        """Where to go when an answer has been judged."""
        if state["held"] is not None:
            return "confirm"
        return "structure" if state.get("schema") and state["finish_reason"] == "answered" else END

    def _end(self, state: State) -> str:
        """How a run ends that did not come to an answer: what text there is must not go past the guards."""
        unseen_text = (
            state["output"] and state["finish_reason"] != "blocked" and self._kit.watch.stands_at("output")
        )
        return "guard_output" if unseen_text else END

    def _jobs(self, state: State) -> list[Job]:
        return jobs(state, self._kit.is_code, parallel=self._kit.limits.parallel > 1)
