"""An answer as a value: the model answers in words, and then as JSON of the type that was asked for.

pip install 'llama3-agent[grammar]'
"""

from pydantic import BaseModel

from llama3_agent import Agent


class Result(BaseModel):
    """What came out."""

    value: int


with Agent("cria") as agent:
    run = agent.run("What is 17 * 23 + 4?", output_type=Result)
    print(run.output)
    print(repr(run.parsed))
