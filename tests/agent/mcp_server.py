"""An MCP server that reads, changes and fails: over standard input, or over HTTP on the port given."""

from __future__ import annotations

import sys

from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 0
server = FastMCP("shop", host="127.0.0.1", port=PORT, log_level="CRITICAL")


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def price(item: str) -> float:
    """The price of an item.

    Args:
        item: Which.
    """
    return {"tea": 4.5, "cake": 12.0}[item]


@server.tool()
def buy(item: str, count: int = 1) -> str:
    """Buy something."""
    return f"bought {count} {item}"


if __name__ == "__main__":
    server.run("streamable-http" if PORT else "stdio")
