"""The web tools against a real HTTP server on the loopback interface."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from llama3_tools.web import (
    BraveSearch,
    WebClient,
    WebToolError,
    WolframAlpha,
    brave_search,
    wolfram_alpha,
)


@dataclass
class Service:
    """A scripted web service: each request takes the next answer, and is remembered."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[tuple[dict[str, list[str]], dict[str, str]]] = field(default_factory=list)
    delay: float = 0.0

    def answer(self, body: object = "", status: int = 200, **headers: str) -> None:
        data = (
            body
            if isinstance(body, bytes)
            else (body if isinstance(body, str) else json.dumps(body)).encode()
        )
        self.answers.append(
            (status, {name.replace("_", "-"): value for name, value in headers.items()}, data)
        )


@pytest.fixture
def service() -> Iterator[Service]:
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append((parse_qs(urlsplit(self.path).query), dict(self.headers.items())))
            time.sleep(state.delay)
            status, headers, body = state.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}/search"
    yield state
    server.shutdown()
    server.server_close()


def quick(service: str = "Brave Search", **settings: float) -> WebClient:
    return WebClient(service=service, pause=0.01, **settings)  # type: ignore[arg-type]


def brave(service: Service, **settings: float) -> BraveSearch:
    return BraveSearch(api_key="secret", url=service.url, client=quick(**settings))


def found(*results: dict[str, str]) -> dict[str, object]:
    return {"type": "search", "web": {"type": "search", "results": list(results)}}


def test_brave_search_returns_plain_text_results(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "secret")
    monkeypatch.setenv("BRAVE_API_URL", service.url)
    service.answer(
        found(
            {
                "title": "Llamas &amp; co",
                "url": "https://a.example/x",
                "description": "A <strong>cria</strong> é",
            }
        )
    )
    assert json.loads(brave_search("young llama")) == {
        "query": "young llama",
        "top_k": [{"title": "Llamas & co", "url": "https://a.example/x", "description": "A cria é"}],
    }
    query, headers = service.requests[0]
    assert query["q"] == ["young llama"]
    assert headers["X-Subscription-Token"] == "secret"


def test_long_descriptions_are_cut(service: Service) -> None:
    service.answer(found({"title": "t", "url": "u", "description": "x" * 5_000}))
    [entry] = brave(service).search("q")
    assert len(entry["description"]) == 400


def test_no_web_results_is_an_empty_list(service: Service) -> None:
    service.answer({"type": "search"})
    assert brave(service).search("q") == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_troubles_are_retried(service: Service, status: int) -> None:
    service.answer("busy", status)
    service.answer(found({"title": "t", "url": "u", "description": "d"}))
    assert brave(service).search("q")[0]["title"] == "t"
    assert len(service.requests) == 2


def test_lasting_trouble_is_told(service: Service) -> None:
    for _ in range(3):
        service.answer("down", 500)
    with pytest.raises(WebToolError, match=r"is failing \(HTTP 500, 3 tries\)"):
        brave(service).search("q")


def test_rate_limit_with_a_long_wait_is_not_slept_through(service: Service) -> None:
    service.answer("slow down", 429, Retry_After="60")
    start = time.monotonic()
    with pytest.raises(WebToolError, match="try again in 60 s"):
        brave(service).search("q")
    assert time.monotonic() - start < 30
    assert len(service.requests) == 1


def test_timeout_is_told(service: Service) -> None:
    service.delay = 0.5
    service.answer(found())
    service.answer(found())
    with pytest.raises(WebToolError, match=r"did not answer within 0\.1 s \(2 tries\)"):
        brave(service, timeout=0.1, attempts=2).search("q")


def test_nobody_listening_is_told() -> None:
    search = BraveSearch(api_key="k", url="http://127.0.0.1:9/", client=quick())
    with pytest.raises(WebToolError, match="cannot be reached"):
        search.search("q")


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_is_told_once(service: Service, status: int) -> None:
    service.answer("no", status)
    with pytest.raises(WebToolError, match="check BRAVE_API_KEY"):
        brave(service).search("q")
    assert len(service.requests) == 1


@pytest.mark.parametrize("body", ["<html>", '{"web": 3}', '{"web": {"results": {}}}', "[]"])
def test_malformed_body_is_told(service: Service, body: str) -> None:
    service.answer(body)
    with pytest.raises(WebToolError, match=r"not JSON|unknown shape"):
        brave(service).search("q")


def test_endless_body_is_refused(service: Service) -> None:
    service.answer(b"x" * 3_000_000)
    with pytest.raises(WebToolError, match="more than 2,000,000 bytes"):
        brave(service).search("q")


def test_broken_compression_is_told(service: Service) -> None:
    service.answer(b"not gzip", Content_Encoding="gzip")
    with pytest.raises(WebToolError, match="cannot be read"):
        brave(service).search("q")


@pytest.mark.parametrize(
    ("tool", "variable"), [(brave_search, "BRAVE_API_KEY"), (wolfram_alpha, "WOLFRAM_ALPHA_APP_ID")]
)
def test_missing_key_is_a_clear_line(
    tool: Callable[[str], str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    text = tool("anything")
    assert text.startswith("error: ")
    assert f"{variable} is not set" in text
    assert "\n" not in text


def test_wolfram_alpha_answers(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOLFRAM_ALPHA_APP_ID", "id")
    monkeypatch.setenv("WOLFRAM_ALPHA_URL", service.url)
    service.answer("Query:\n12 factorial\n\nResult:\n479001600\n")
    assert wolfram_alpha("12!").endswith("479001600")
    assert service.requests[0][0]["input"] == ["12!"]


def test_wolfram_alpha_says_when_it_does_not_understand(service: Service) -> None:
    service.answer("Wolfram|Alpha did not understand your input", 501)
    client = WolframAlpha(app_id="id", url=service.url, client=quick("Wolfram|Alpha"))
    with pytest.raises(WebToolError, match="does not understand 'florp'"):
        client.ask("florp")


def test_keys_do_not_show_in_representations() -> None:
    assert "secret" not in repr(BraveSearch(api_key="secret"))
    assert "secret" not in repr(WolframAlpha(app_id="secret"))
