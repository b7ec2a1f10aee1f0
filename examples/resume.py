"""A program that dies in the middle of an answer, and another one that goes on with it.

The conversation is kept in a SQLite file. The call that was under way is not made a second time: nobody can
know whether it took effect, so the model is told just that, and decides.
"""

import os
import sqlite3
import subprocess
import sys

from langgraph.checkpoint.sqlite import SqliteSaver

from llama3_agent import Agent

FIRST = sys.argv[1:] == ["first"]


def get_weather(city: str) -> str:
    """Get the current weather for a city.

    Args:
        city: Name of the city.
    """
    if FIRST:
        print(f"asking for the weather in {city}, and dying", flush=True)
        os._exit(9)
    return f"sunny, 22 degrees in {city}"


def open_agent() -> Agent:
    """An agent whose threads outlive it."""
    saver = SqliteSaver(sqlite3.connect("threads.sqlite", check_same_thread=False))
    return Agent("cria", tools=[get_weather], sandbox=None, checkpointer=saver)


if FIRST:
    open_agent().run("What's the weather like in Lima?", thread="weather")
else:
    first = subprocess.run([sys.executable, __file__, "first"])
    print(f"the first program ended with {first.returncode}")
    with open_agent() as agent:
        unfinished = agent.last("weather")
        if unfinished is not None and unfinished.finish_reason == "interrupted":
            run = agent.resume(thread="weather")
            for message in run.messages[1:]:
                print(f"{message.type}: {message.text or message.tool_calls}")
