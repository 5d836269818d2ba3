"""`--tls`: an HTTPS and WSS door in front of the plain ports, with a certificate authority that is made at the start and thrown away.

The servers behind it stay as they are. `tls-accept` takes connections; each has one thread, `tls-N`, which is the only one that
touches its TLS object (two at once would corrupt it) and carries bytes both ways until one side has no more to say.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import select
import socket
import ssl
import struct
import threading
from pathlib import Path

import trustme

from trader.errors import ConfigError

log = logging.getLogger(__name__)

CHUNK = 64 * 1024
MOST_BUFFERED = 4 * CHUNK           # a reader that is slower than its writer stops the writer here
HANDSHAKE_S = 10
_RESET = struct.pack("ii", 1, 0)    # SO_LINGER with no time: close tears down instead of saying goodbye


def server_context(ca_file: Path, host: str) -> ssl.SSLContext:
    """A certificate for this machine's own names. What clients must trust is in `ca_file`; the keys are never written."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*dict.fromkeys((host, "localhost", "127.0.0.1", "::1"))).configure_cert(context)
    try:
        authority.cert_pem.write_to_path(str(ca_file))
    except OSError as failed:
        raise ConfigError(f"--tls: {ca_file} cannot be written ({failed.strerror}).", remedy="Name a file in a folder of yours.") from None
    return context


class TlsFront:
    """Listens on `port` and forwards to the plain `target_port` of the same host."""

    def __init__(self, host: str, port: int, target_port: int, context: ssl.SSLContext) -> None:
        self._target, self._context = (host, target_port), context
        self._listener = socket.create_server((host, port))
        self._lock = threading.Lock()
        self._inner: set[socket.socket] = set()     # of the live connections; under `_lock`
        self._numbers = itertools.count(1)
        self._thread = threading.Thread(target=self._accept, name="tls-accept", daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No new connections; those that live see the end of the plain side, and end."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)       # wakes accept; closing alone would not
        self._listener.close()
        with self._lock:
            for inner in self._inner:
                with contextlib.suppress(OSError):
                    inner.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=1)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return                                      # closed
            name = f"tls-{next(self._numbers)}"
            threading.Thread(target=self._serve, args=(connection,), name=name, daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Body of `tls-N`."""
        try:
            connection.settimeout(HANDSHAKE_S)
            with self._context.wrap_socket(connection, server_side=True) as outer, socket.create_connection(self._target) as inner:
                for each in (outer, inner):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    each.setblocking(False)
                with self._lock:
                    self._inner.add(inner)
                try:
                    _Tunnel(outer, inner).run()
                finally:
                    with self._lock:
                        self._inner.discard(inner)
        except OSError as failed:                           # also whoever speaks plain HTTP to this port
            log.debug("a TLS connection ended: %s", failed)
        finally:
            connection.close()


class _Tunnel:
    """Bytes between the client (`outer`, encrypted) and the server (`inner`). Owned by one thread."""

    def __init__(self, outer: ssl.SSLSocket, inner: socket.socket) -> None:
        self._outer, self._inner = outer, inner
        self._to_inner, self._to_outer = bytearray(), bytearray()
        self._outer_open = self._inner_open = True
        self._said_end = False          # to the server, after the client's last byte

    def run(self) -> None:
        """Until the server is done. A client that only stops sending still gets its answer."""
        try:
            while self._inner_open or self._to_outer:
                self._wait()
                self._carry()
        except ConnectionResetError:
            self._outer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)     # a reset stays a reset

    def _carry(self) -> None:
        if self._outer_open and len(self._to_inner) < MOST_BUFFERED:
            self._outer_open = _read(self._outer, self._to_inner)
        if self._inner_open and len(self._to_outer) < MOST_BUFFERED:
            self._inner_open = _read(self._inner, self._to_outer)
        _write(self._outer, self._to_outer)
        if self._inner_open:
            _write(self._inner, self._to_inner)
            if not (self._outer_open or self._to_inner or self._said_end):
                self._inner.shutdown(socket.SHUT_WR)
                self._said_end = True

    def _wait(self) -> None:
        """The parking spot. What TLS has decrypted already would not wake it, so then it does not wait."""
        outer_reads = self._outer_open and len(self._to_inner) < MOST_BUFFERED
        inner_reads = self._inner_open and len(self._to_outer) < MOST_BUFFERED
        if outer_reads and self._outer.pending():
            return
        poll = select.poll()
        poll.register(self._outer, outer_reads * select.POLLIN | bool(self._to_outer) * select.POLLOUT)
        if self._inner_open:
            poll.register(self._inner, inner_reads * select.POLLIN | bool(self._to_inner) * select.POLLOUT)
        poll.poll()


def _read(source: socket.socket, into: bytearray) -> bool:
    """False when there will never be more."""
    try:
        data = source.recv(CHUNK)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return True
    except ssl.SSLError:                # a client that hangs up without TLS's own goodbye
        return False
    into += data
    return bool(data)


def _write(target: socket.socket, data: bytearray) -> None:
    while data:
        try:
            del data[:target.send(data)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
