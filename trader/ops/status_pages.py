"""What the status server answers, page by page, as a WSGI application. Read-only: nothing here changes what the trader does.

Runs on `ops-http`, one request at a time. Pages are built from caches and counters; none waits.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import orjson

from trader.model.setting import Secret
from trader.ops.answers import threads_answer
from trader.ops.dashboard import load_document
from trader.ops.metrics import measured
from trader.ops.prometheus import CONTENT_TYPE, metrics_text
from trader.ops.series import Series
from trader.runtime.latency import LatencyWindow

log = logging.getLogger(__name__)

_TEXT, _JSON, _HTML = "text/plain; charset=utf-8", "application/json", "text/html; charset=utf-8"
_ALLOW = "GET, HEAD, OPTIONS"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MOST_NUMBER_DIGITS = 15


class Shown(NamedTuple):
    """What a `Trader` shows of itself. Called on `ops-http` and on `otel`."""

    stats: Callable[[], dict[str, Any]]
    health: Callable[[], dict[str, Any]]
    latencies: Callable[[], Mapping[str, LatencyWindow]]
    threads_text: Callable[[], str]


class Request(NamedTuple):
    method: str
    path: str                # without query
    query: str
    host: str                # of the Host header; empty without one
    authorization: str


class Answer(NamedTuple):
    status: int
    body: bytes
    content_type: str = _JSON
    headers: Mapping[str, str] = {}


class StatusPages:
    """The table of pages, and who may see them."""

    def __init__(self, trader: Shown, series: Series, token: Secret) -> None:
        self._trader, self._series, self._token = trader, series, token
        self._document = load_document()
        self._pages: dict[str, Callable[[Mapping[str, list[str]]], Answer]] = {
            "/": lambda query: Answer(200, self._document.html, _HTML, {"Content-Security-Policy": self._document.policy}),
            "/health": lambda query: self._health(),
            "/stats": lambda query: _json(200, self._trader.stats()),
            "/metrics": lambda query: self._metrics(),
            "/threads": self._threads,
            "/series": self._history,
        }

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""), environ.get("HTTP_HOST", ""),
                          environ.get("HTTP_AUTHORIZATION", ""))
        answer = self.answer(request)
        headers = _HEADERS | {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body)), **answer.headers}
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", [*headers.items()])
        return [b"" if request.method == "HEAD" else answer.body]

    def answer(self, request: Request) -> Answer:
        """Tests call this without a server."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        try:
            return self._pages[request.path](parse_qs(request.query, keep_blank_values=True, max_num_fields=10))
        except ValueError as wrong:
            return _error(400, f"{request.path}: {wrong}")
        except Exception:                        # a page that fails must not end trading
            log.exception("status server: %s failed", request.path)
            return _error(500, "this page failed; the trader's log has the traceback. Please report it.")

    def _refusal(self, request: Request) -> Answer | None:
        if request.method == "OPTIONS":
            return Answer(204, b"", headers={"Allow": _ALLOW})
        if request.method not in ("GET", "HEAD"):
            return _error(405, f"{request.method[:20]} is not possible: this server only shows. Use `trader --help` for commands.",
                          {"Allow": _ALLOW})
        if not self._token and not _is_an_address(request.host):
            return _error(421, "this server is asked by its address or as localhost only, so that no web page can read it under a name "
                          "of its own.")
        if request.path not in self._pages:
            return _error(404, f"there is no such page. There are: {', '.join(self._pages)}.")
        if request.path != "/" and self._token and not self._shows_token(request.authorization):
            return _error(401, "a token is needed. Send `Authorization: Bearer` with the value of ops.status_token.",
                          {"WWW-Authenticate": 'Bearer realm="trader"'})
        return None

    def _shows_token(self, authorization: str) -> bool:
        scheme, _, shown = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode("latin-1", "replace"), self._token.reveal().encode())

    # --- pages --------------------------------------------------------------------------------------------------------

    def _health(self) -> Answer:
        report = self._trader.health()
        return _json(200 if report["ok"] else 503, report)

    def _metrics(self) -> Answer:
        trader = self._trader
        return Answer(200, metrics_text(measured(trader.stats(), trader.health(), trader.latencies())), CONTENT_TYPE)

    def _threads(self, query: Mapping[str, list[str]]) -> Answer:
        if "json" in query:
            return _json(200, threads_answer(self._trader))
        return Answer(200, self._trader.threads_text().encode(), _TEXT)

    def _history(self, query: Mapping[str, list[str]]) -> Answer:
        return _json(200, self._series.since(_number(query, "since"), _number(query, "fills")))


def _number(query: Mapping[str, list[str]], name: str) -> int:
    """Of the last row or fill that the reader has; 0 without one."""
    text = query.get(name, ["0"])[-1]
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_NUMBER_DIGITS):
        raise ValueError(f"{name} must be a whole number from 0, as in /series?since=0&fills=0.")
    return int(text)


def _is_an_address(host: str) -> bool:
    """Whether the Host header is `localhost` or an IP address. A page that rebinds its own name to us comes with that name."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    if name in ("", "localhost"):
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _json(status: int, value: Any) -> Answer:
    return Answer(status, orjson.dumps(value))


def _error(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, orjson.dumps({"error": sentence}), headers=headers or {})
