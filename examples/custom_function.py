"""A function of your own as a tool: a plain function with types and a docstring is enough."""

from llama3_agent import Agent


def get_weather(city: str) -> dict[str, str | int]:
    """Get the current weather for a city.

    Args:
        city: Name of the city.
    """
    weather = {
        "Oslo": {"sky": "snow", "temperature": -4},
        "Lima": {"sky": "sunny", "temperature": 22},
    }
    if city not in weather:
        # The model reads this, and can mend its call.
        raise ValueError(f"no weather for {city!r}; known cities: {', '.join(weather)}")
    return weather[city]


with Agent("cria", tools=[get_weather]) as agent:
    run = agent.run("What's the weather like in Lima?")
    for message in run.messages:
        for call in getattr(message, "tool_calls", []):
            print(f"called {call['name']}({call['args']})")
    print(run.output)
