"""Tools of an MCP server. Any server will do; this file is one itself: ``python mcp_tools.py serve``.

pip install 'llama3-agent[mcp]'
"""

import asyncio
import sys

from llama3_agent import Agent


def serve() -> None:
    """Offer one tool over standard input and output."""
    from mcp.server.fastmcp import FastMCP

    server = FastMCP("weather", log_level="ERROR")

    @server.tool()
    def get_weather(city: str) -> str:
        """Get the current weather for a city."""
        return f"sunny, 22 degrees in {city}"

    server.run("stdio")


def main() -> None:
    """Connect, and ask."""
    from langchain_mcp_adapters.client import MultiServerMCPClient

    command = {"transport": "stdio", "command": sys.executable, "args": [__file__, "serve"]}
    tools = asyncio.run(MultiServerMCPClient({"weather": command}).get_tools())
    print("tools:", *(tool.name for tool in tools))
    with Agent("cria", tools=tools, sandbox=None) as agent:
        print(agent.run("What's the weather like in Lima?").output)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
