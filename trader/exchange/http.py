"""The REST port: a small routing table over WSGI, served by waitress.

Thread `rest-io` owns the sockets; each request is handled on one of `waitress-N` from its first header to its last byte.
Handlers return something JSON-able (or ready JSON bytes) and raise `Refusal` for every other answer.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer, create_server
from waitress.wasyncore import close_all

from trader.exchange.credentials import ApiKey, KeyRing, verify_l1
from trader.exchange.faults import FaultBoard
from trader.exchange.refusal import Refusal
from trader.exchange.request import Request
from trader.exchange.rest_faults import RestFaults
from trader.runtime.clock import Clock

log = logging.getLogger(__name__)

WORKERS = 8
MAX_BODY_BYTES = 2**20       # a thousand cancels are 70 kB


class Answer(NamedTuple):
    """For handlers whose answer has headers of its own."""

    body: Any
    headers: Mapping[str, str]


Handler = Callable[[Request], Any]
Routes = dict[tuple[str, str], Handler]     # (method, path); a path that ends in "/" takes one argument after it


class Doorman:
    """Who is asking? Shared by all handlers; keeps nothing of a request."""

    def __init__(self, keys: KeyRing, clock: Clock) -> None:
        self._keys, self._clock = keys, clock

    def wallet(self, request: Request) -> tuple[str, int]:
        """L1: (address, nonce)."""
        return verify_l1(request.headers, self._clock.wall_ms() // 1000)

    def api_key(self, request: Request) -> ApiKey:
        """L2."""
        return self._keys.verify_l2(request.headers, request.method, request.path, request.body, self._clock.wall_ms() // 1000)


class Application:
    """The WSGI callable. Stateless but for its table, so every worker may run it at once."""

    def __init__(self, routes: Routes, faults: FaultBoard | None = None) -> None:
        self._routes, self._faults = routes, RestFaults(faults) if faults else None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = _request(environ)
        lost = self._faults.loses_answer(request) if self._faults else None
        if lost is None or lost.with_["done"]:
            status, answer, extra = self.respond(request)
        if lost:
            raise ConnectionAbortedError("fault on order: the answer is lost")     # waitress closes without a word on an OSError
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **extra}
        start_response(f"{status} {HTTPStatus(status).phrase}", [*headers.items()])
        return [body]

    def answer(self, request: Request) -> tuple[int, Any]:
        """(status, body) of one request; tests call this without a server."""
        return self.respond(request)[:2]

    def respond(self, request: Request) -> tuple[int, Any, Mapping[str, str]]:
        """… and the headers of its own that the answer has."""
        handler, argument = self._find(request.method, request.path)
        try:
            asked = request._replace(argument=argument)
            answer = self._faults.answer(asked, handler) if self._faults else handler(asked)
            return 200, *(answer if isinstance(answer, Answer) else (answer, {}))
        except Refusal as refused:
            return refused.status, refused.body, refused.headers
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return 500, {"error": "internal error of the embedded exchange; its log has the traceback"}, {}

    def _find(self, method: str, path: str) -> tuple[Handler, str]:
        exact = self._routes.get((method, path))
        if exact is not None:
            return exact, ""
        stem, _, argument = path.rpartition("/")
        return self._routes.get((method, stem + "/") if stem else ("", ""), not_implemented), argument


def not_implemented(request: Request) -> Any:
    raise Refusal(f"{request.method} {request.path} is not part of the embedded exchange. GET /control/routes lists what is.",
                  status=501)


def _request(environ: dict[str, Any]) -> Request:
    headers = {key.removeprefix("HTTP_"): value for key, value in environ.items() if key.startswith("HTTP_POLY_")}
    pairs = tuple(parse_qsl(environ["QUERY_STRING"]))
    return Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], "", dict(pairs), headers, environ["wsgi.input"].read(), pairs)


class _PolyHeaderParser(HTTPRequestParser):  # type: ignore[misc]
    """Waitress drops header names with an underscore, and the venue's are POLY_ADDRESS and the like."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(re.sub(rb"(?im)^poly_[a-z_]+(?=:)", lambda name: name[0].replace(b"_", b"-"), header_plus))


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _PolyHeaderParser


class RestServer:
    def __init__(self, host: str, port: int, application: Callable[..., Iterable[bytes]]) -> None:
        self._server: TcpWSGIServer = create_server(application, host=host, port=port, threads=WORKERS, ident=None,
                                                   max_request_body_size=MAX_BODY_BYTES, log_socket_errors=False)
        self._server.channel_class = _Channel
        self._thread = threading.Thread(target=self._server.run, name="rest-io", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.socket.getsockname()[1])

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Sockets belong to `rest-io`: it is asked to close them, and its loop ends with the last one."""
        self._server.trigger.pull_trigger(lambda: close_all(self._server._map))
        self._thread.join(timeout=1)
        self._server.task_dispatcher.shutdown(timeout=0.5)
