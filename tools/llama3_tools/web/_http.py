"""One GET request that retries what is worth retrying and explains what is not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from ._errors import WebToolError

RETRY_STATUS = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebClient:
    """How patiently to ask a web service.

    Args:
        service: The name used in error messages.
        timeout: Seconds for connecting and for each read.
        attempts: Requests in all; only time-outs, lost connections, 429 and 5xx are repeated.
        pause: Seconds before the second request, doubled before each later one.
        longest_pause: The most seconds that a ``Retry-After`` header can make us wait; when the service
            asks for more, we give up at once instead of blocking the conversation.
        most_bytes: The largest answer that is read.
    """

    service: str
    timeout: float = 10.0
    attempts: int = 3
    pause: float = 0.5
    longest_pause: float = 5.0
    most_bytes: int = 2_000_000

    def get(self, url: str, *, params: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Reply:
        """Return the last reply, of whatever status is not worth repeating.

        Raises:
            WebToolError: no reply within the attempts, or still 429 / 5xx after the last one.
        """
        with httpx.Client(timeout=self.timeout, follow_redirects=True) as client:
            for attempt in range(1, self.attempts + 1):
                outcome = self._once(client, url, params, headers or {})
                wait = self._wait(outcome, attempt)
                if isinstance(outcome, Reply) and outcome.status not in RETRY_STATUS:
                    return outcome
                if attempt == self.attempts or wait > self.longest_pause:
                    break
                time.sleep(wait)
        raise WebToolError(self._explain(outcome, attempt))

    def _once(
        self, client: httpx.Client, url: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> Reply | httpx.TransportError:
        try:
            with client.stream("GET", url, params=dict(params), headers=dict(headers)) as response:
                return Reply(
                    response.status_code, self._body(response), response.headers.get("Retry-After", "")
                )
        except httpx.TransportError as error:
            return error
        except (httpx.DecodingError, httpx.TooManyRedirects, httpx.InvalidURL) as error:
            raise WebToolError(f"{self.service} sent a reply that cannot be read: {error}") from error

    def _body(self, response: httpx.Response) -> str:
        """Read the body, refusing one that is out of all proportion."""
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self.most_bytes:
                raise WebToolError(
                    f"{self.service} sent more than {self.most_bytes:,} bytes; ask something narrower"
                )
            parts.append(part)
        return b"".join(parts).decode(response.charset_encoding or "utf-8", errors="replace")

    def _wait(self, outcome: Reply | httpx.TransportError, attempt: int) -> float:
        asked = outcome.retry_after if isinstance(outcome, Reply) else ""
        if asked.strip().isdecimal():
            return float(asked)
        return self.pause * 2.0 ** (attempt - 1)

    def _explain(self, outcome: Reply | httpx.TransportError, attempts: int) -> str:
        tries = "1 try" if attempts == 1 else f"{attempts} tries"
        if isinstance(outcome, httpx.TimeoutException):
            return f"{self.service} did not answer within {self.timeout:g} s ({tries}); try again later"
        if isinstance(outcome, httpx.TransportError):
            return f"{self.service} cannot be reached ({tries}): {outcome}; check the network connection"
        if outcome.status == 429:
            again = f" in {outcome.retry_after} s" if outcome.retry_after.strip().isdecimal() else " later"
            return (
                f"{self.service} says that too many requests were made (HTTP 429, {tries}); try again{again}"
            )
        return f"{self.service} is failing (HTTP {outcome.status}, {tries}); try again later"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, the decoded body and the ``Retry-After`` header, if any."""

    status: int
    text: str
    retry_after: str = ""
