"""Deciding on every call before it runs: here code may run if it is short, and nothing else may."""

from llama3_agent import Agent, ToolCall


def short_enough(call: ToolCall) -> bool | str:
    """Take a call; True lets it run, a reason goes to the model."""
    code = call.args["code"]
    print(f"asked about: {code!r}")
    return True if len(code) < 200 else "the code is too long; make it shorter"


with Agent("cria", approve={"code_interpreter": short_enough, "*": "refuse"}) as agent:
    run = agent.run("What is 17 * 23 + 4?")
    print(run.output)
