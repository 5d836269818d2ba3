"""A WebSocket client that only counts: for benchmarks in which the client must not be what is measured."""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

RECEIVE_BYTES = 1 << 18
_STAMP = b'"timestamp":"'


@dataclass
class CountingClient:
    """One connection. `frames` counts data frames, `lags_ms` how old the newest frame of each read was."""

    socket: socket.socket
    buffer: bytearray = field(default_factory=bytearray)
    frames: int = 0
    bytes: int = 0
    lags_ms: list[float] = field(default_factory=list)

    def read(self) -> None:
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.bytes += len(data)
        self.buffer += data
        at, size = 0, len(self.buffer)
        while (end := _frame_end(self.buffer, at, size)) is not None:
            self.frames += 1
            last, at = at, end
        if at:
            self._note_lag(bytes(self.buffer[last:at]))
            del self.buffer[:at]

    def _note_lag(self, frame: bytes) -> None:
        found = frame.rfind(_STAMP)
        if found >= 0:
            begin = found + len(_STAMP)
            self.lags_ms.append(time.time() * 1000 - int(frame[begin:frame.index(b'"', begin)]))


def _frame_end(buffer: bytearray, at: int, size: int) -> int | None:
    """Where the frame that begins at `at` ends; None while it is not complete. Servers do not mask."""
    if size - at < 2:
        return None
    length, head = buffer[at + 1], 2
    if length == 126:
        length, head = int.from_bytes(buffer[at + 2:at + 4], "big"), 4
    elif length == 127:
        length, head = int.from_bytes(buffer[at + 2:at + 10], "big"), 10
    end = at + head + length
    return end if end <= size else None


def subscribed(ws_url: str, asset_ids: list[str]) -> CountingClient:
    """Connected to the market channel, with the handshake done and the subscription sent."""
    url = urlsplit(ws_url)
    connection = socket.create_connection((url.hostname, url.port), timeout=10)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall((f"GET /ws/market HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
    client = CountingClient(connection)
    while b"\r\n\r\n" not in client.buffer:
        client.buffer += connection.recv(1)
    client.buffer.clear()
    request = json.dumps({"type": "market", "assets_ids": asset_ids}).encode()
    head = bytes([0x81, 0x80 | 126]) + len(request).to_bytes(2, "big") if len(request) > 125 else bytes([0x81, 0x80 | len(request)])
    connection.sendall(head + bytes(4) + request)       # a mask of zeros leaves the text as it is
    return client


def read_for(clients: list[CountingClient], seconds: float) -> None:
    """Reads them all on this thread."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            for key, _ in selector.select(left_s):
                key.data.read()
