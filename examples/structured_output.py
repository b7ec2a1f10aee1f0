"""Answers as values: the model answers in words, and then gives the same as JSON of a type's schema.

Usage: python structured_output.py [MODEL]     a Hugging Face id or a folder with a Llama 3

With the extra `grammar`, what it writes is held to the schema token by token. What is no such value after
all is told, and not handed out. The demonstration model `cria` was never trained to answer in JSON, so a
script plays the model where none is named. Everything else is real, and its last answer is wrong on purpose.
"""

import sys
from typing import Literal

from pydantic import BaseModel, Field

from llama3_agent import Agent, Llama, ScriptedLlama

SCRIPT = [
    '{"name": "get_weather", "parameters": {"city": "Lima"}}<|eom_id|>',
    "It is sunny in Lima, at 22 degrees.<|eot_id|>",
    '{"city": "Lima", "sky": "sunny", "degrees": 22}<|eot_id|>',
    "Sunglasses, a hat and water.<|eot_id|>",
    '["sunglasses", "hat", "water"]<|eot_id|>',
    "It is 220 degrees in the oven.<|eot_id|>",
    '{"city": "the oven", "sky": "cloudy", "degrees": 220}<|eot_id|>',
]


class Weather(BaseModel):
    """The weather of a place."""

    city: str
    sky: Literal["sunny", "cloudy", "rainy"]
    degrees: int = Field(ge=-90, le=60)


def get_weather(city: str) -> str:
    """Get the current weather for a city.

    Args:
        city: Name of the city.
    """
    return f"sunny, 22 degrees in {city}"


scripted = ScriptedLlama(Llama("cria", progress=False).tokenizer, SCRIPT)
with Agent(sys.argv[1] if sys.argv[1:] else scripted, tools=[get_weather], sandbox=None) as agent:
    run = agent.run("What's the weather like in Lima?", output_type=Weather, thread="trip")
    print(run.output)
    print(repr(run.parsed))

    run = agent.run("What should I pack?", output_type=list[str], thread="trip")
    print(run.parsed)

    run = agent.run("And how hot is it in the oven?", output_type=Weather, thread="trip")
    print(run.finish_reason, "-", run.error)
