"""Wolfram|Alpha through its LLM API (https://products.wolframalpha.com/llm-api/documentation)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ._errors import WebToolError
from ._http import WebClient

KEY = "WOLFRAM_ALPHA_APP_ID"
URL = "https://www.wolframalpha.com/api/v1/llm-api"


@dataclass(frozen=True, slots=True, kw_only=True)
class WolframAlpha:
    """A Wolfram|Alpha client.

    Args:
        app_id: The application's id.
        url: The endpoint, for a proxy or a test server.
        most_chars: The length of answer to ask for, in characters.
        client: Time-outs and retries.
    """

    app_id: str = field(repr=False)
    url: str = URL
    most_chars: int = 2_000
    client: WebClient = field(default_factory=lambda: WebClient(service="Wolfram|Alpha", timeout=20.0))

    @classmethod
    def from_environment(cls) -> WolframAlpha:
        """Read ``WOLFRAM_ALPHA_APP_ID`` (and ``WOLFRAM_ALPHA_URL``, when a proxy is to be used).

        Raises:
            WebToolError: no id is set.
        """
        app_id = os.environ.get(KEY, "").strip()
        if not app_id:
            raise WebToolError(
                f"Wolfram|Alpha is not set up: {KEY} is not set; get an id at "
                f"https://developer.wolframalpha.com and export {KEY}=..."
            )
        return cls(app_id=app_id, url=os.environ.get("WOLFRAM_ALPHA_URL", "").strip() or URL)

    def ask(self, query: str) -> str:
        """Return the answer as text.

        Raises:
            WebToolError: an empty or uninterpretable query, a refused id or an unreachable service.
        """
        if not query.strip():
            raise WebToolError("the query is empty; say what to compute or look up")
        reply = self.client.get(
            self.url, params={"input": query, "appid": self.app_id, "maxchars": str(self.most_chars)}
        )
        if reply.status in (401, 403):
            raise WebToolError(f"Wolfram|Alpha refused the id (HTTP {reply.status}); check {KEY}")
        if reply.status == 501:
            raise WebToolError(
                f"Wolfram|Alpha does not understand {query!r}; use short, plain English keywords"
            )
        if reply.status != 200:
            raise WebToolError(f"Wolfram|Alpha refused the request (HTTP {reply.status}); rephrase the query")
        return reply.text.strip()[: self.most_chars]


def wolfram_alpha(query: str) -> str:
    """Compute or look up something with Wolfram|Alpha.

    Args:
        query: What to compute or look up, in short plain English.

    Returns:
        The answer, or a line that starts with ``error:`` and says what is wrong (a model reads it).
    """
    try:
        return WolframAlpha.from_environment().ask(query)
    except WebToolError as error:
        return f"error: {error}"
