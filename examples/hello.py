"""The shortest program: a question that needs calculating."""

from llama3_agent import Agent

with Agent("cria") as agent:
    run = agent.run("What is 17 * 23 + 4?")
    print(run.output)
