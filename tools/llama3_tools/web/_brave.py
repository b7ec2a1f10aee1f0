"""Web search through the Brave Search API (https://api-dashboard.search.brave.com/app/documentation)."""

from __future__ import annotations

import html
import json
import os
import re
from dataclasses import dataclass, field
from typing import Any

from ._errors import WebToolError
from ._http import WebClient

KEY = "BRAVE_API_KEY"
URL = "https://api.search.brave.com/res/v1/web/search"
MARKUP = re.compile(r"<[^<>]{1,100}>")


@dataclass(frozen=True, slots=True, kw_only=True)
class BraveSearch:
    """A Brave Search client.

    Args:
        api_key: The subscription token.
        url: The endpoint, for a proxy or a test server.
        count: Results to ask for, 1 to 20.
        longest: Characters kept of each description.
        client: Time-outs and retries.
    """

    api_key: str = field(repr=False)
    url: str = URL
    count: int = 5
    longest: int = 400
    client: WebClient = field(default_factory=lambda: WebClient(service="Brave Search"))

    @classmethod
    def from_environment(cls) -> BraveSearch:
        """Read ``BRAVE_API_KEY`` (and ``BRAVE_API_URL``, when a proxy is to be used).

        Raises:
            WebToolError: no key is set.
        """
        key = os.environ.get(KEY, "").strip()
        if not key:
            raise WebToolError(
                f"web search is not set up: {KEY} is not set; get a key at "
                f"https://api-dashboard.search.brave.com and export {KEY}=..."
            )
        return cls(api_key=key, url=os.environ.get("BRAVE_API_URL", "").strip() or URL)

    def search(self, query: str) -> list[dict[str, str]]:
        """Return up to ``count`` results, each with ``title``, ``url`` and ``description`` as plain text.

        Raises:
            WebToolError: an empty query, a refused key, an unreachable service or an unreadable answer.
        """
        if not query.strip():
            raise WebToolError("the search query is empty; say what to search for")
        reply = self.client.get(
            self.url,
            params={"q": query[:400], "count": str(self.count)},
            headers={"X-Subscription-Token": self.api_key, "Accept": "application/json"},
        )
        if reply.status in (401, 403):
            raise WebToolError(f"Brave Search refused the key (HTTP {reply.status}); check {KEY}")
        if reply.status != 200:
            raise WebToolError(f"Brave Search refused the request (HTTP {reply.status}); rephrase the query")
        return [self._entry(item) for item in _results(reply.text)][: self.count]

    def _entry(self, item: dict[str, Any]) -> dict[str, str]:
        return {
            "title": _plain(item.get("title"), self.longest),
            "url": _plain(item.get("url"), 2_000),
            "description": _plain(item.get("description"), self.longest),
        }


def brave_search(query: str) -> str:
    """Search the web with Brave Search.

    Args:
        query: What to search for.

    Returns:
        JSON ``{"query": ..., "top_k": [{"title", "url", "description"}, ...]}``, or a line that starts with
        ``error:`` and says what is wrong (a model reads it).
    """
    try:
        results = BraveSearch.from_environment().search(query)
    except WebToolError as error:
        return f"error: {error}"
    return json.dumps({"query": query, "top_k": results}, ensure_ascii=False)


def _results(body: str) -> list[dict[str, Any]]:
    """The ``web.results`` list of an answer; an answer without web results is an empty list."""
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise WebToolError("Brave Search sent something that is not JSON; try again later") from error
    web = answer.get("web", {}) if isinstance(answer, dict) else None
    results = web.get("results", []) if isinstance(web, dict) else None
    if not isinstance(results, list):
        raise WebToolError("Brave Search sent JSON of an unknown shape; try again later")
    return [item for item in results if isinstance(item, dict)]


def _plain(value: object, longest: int) -> str:
    """Text without the markup that Brave puts around the words it found."""
    if not isinstance(value, str):
        return ""
    text = " ".join(html.unescape(MARKUP.sub("", value)).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
