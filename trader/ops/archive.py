"""Recordings as files: lines in, compressed and rotated files out; files in, lines out. Pure of threads; who owns one is its thread.

Written by `record`, read by `trader frames`. A file is a sequence of independent zstd frames, one about every second, so that
whatever was flushed can be read after a kill -9, by `zstdcat` as well.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import zstandard

from trader.errors import ConfigError

MAX_FILE_BYTES = 256 * 1024 * 1024   # compressed; a busy hour of one market is far below
MAX_LINE_BYTES = 64 * 1024 * 1024    # a message of 16 MiB, every character of it escaped, is below that
KEEP_FREE_BYTES = 256 * 1024 * 1024  # the journal and everybody else need the disk too
READ_BYTES = 256 * 1024
ZSTD_BYTES = 1024                    # 128 KiB is the most that 4 bytes unpack to, so this is at most 32 MiB
DAMAGED = (OSError, EOFError, zlib.error, zstandard.ZstdError)       # what reading a file may raise
# A window of 256 KiB packs a second of frames better than level 3 does with its 2 MiB, in half the time and a third of the memory.
_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(1, window_log=18)
_HOUR_MS = 3_600_000
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def require_folder(folder: Path) -> None:
    """Makes the folder, and writes to it once: found out before the run, not in the middle of it."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        probe.write_bytes(b"?")
        probe.unlink()
    except OSError as why:
        raise ConfigError(f"the recording's folder {folder} cannot be written: {why.strerror}.",
                          remedy="Name a folder that is yours, in one that exists.") from None


class Archive:
    """The files of one connection. Raises OSError when the disk is full or gone."""

    def __init__(self, folder: Path, conn: str, *, max_file_bytes: int = MAX_FILE_BYTES, keep_free_bytes: int = KEEP_FREE_BYTES) -> None:
        self._folder, self._conn, self._max_file_bytes, self._keep_free_bytes = folder, conn, max_file_bytes, keep_free_bytes
        self._file: IO[bytes] | None = None
        self._hour = -1
        self._zstd = zstandard.ZstdCompressor(compression_params=_PARAMETERS)        # for good: each takes 1 MB, every second anew
        self._frame: Any = None                  # the one that is being written
        self._waits = False                      # lines were written that no flush has brought to the disk
        self.files = 0

    def is_due(self, wall_ms: int) -> bool:
        """A new file must begin: there is none, the hour is over, or this one is full."""
        return self._file is None or wall_ms // _HOUR_MS != self._hour or self._file.tell() >= self._max_file_bytes

    def begin(self, wall_ms: int) -> None:
        self.close()
        self._require_room()
        self._hour = wall_ms // _HOUR_MS
        self._file = self._create(datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y%m%d-%H%M%S"))
        self._frame = self._zstd.compressobj()
        self.files += 1

    def write(self, lines: bytes) -> None:
        assert self._file is not None
        self._file.write(self._frame.compress(lines))
        self._waits = True

    def flush(self) -> None:
        """Ends the zstd frame: everything up to here can be read, whatever happens to the process."""
        if self._file is None or not self._waits:
            return
        self._waits = False
        self._file.write(self._frame.flush())
        self._file.flush()
        self._frame = self._zstd.compressobj()
        self._require_room()

    def close(self) -> None:
        if self._file is None:
            return
        try:
            self.flush()
        finally:
            self._file.close()
            self._file = None

    def _create(self, stamp: str) -> IO[bytes]:
        """Never overwrites: two files of one second are told apart by a number. Only the owner may read what we traded."""
        for number in range(1000):
            path = self._folder / f"{self._conn}-{stamp}{f'-{number}' if number else ''}.jsonl.zst"
            try:
                return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
            except FileExistsError:
                continue
        raise OSError(f"{self._folder} already has a thousand files of {self._conn} of {stamp}")

    def _require_room(self) -> None:
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < self._keep_free_bytes:
            raise OSError(f"less than {self._keep_free_bytes >> 20} MiB of the disk are free")


def read_lines(raw: io.BufferedReader) -> Iterator[bytes | None]:
    """The lines of a plain, gzip or zstd stream, told apart by its first bytes. None stands for a line that is too long.

    A stream that ends in the middle of a zstd frame, as after a kill -9, gives what was flushed. Any other damage raises one of
    DAMAGED behind the last line before it.
    """
    head = raw.peek(4)[:4]
    if head == _ZSTD:
        return _split(_unpacked(raw))
    read = gzip.GzipFile(fileobj=raw).read1 if head.startswith(_GZIP) else raw.read1
    return _split(iter(lambda: read(READ_BYTES), b""))


def _unpacked(raw: io.BufferedReader) -> Iterator[bytes]:
    """In small steps: a few bytes may unpack to a thousand times as many, and what was unpacked before damage must not be lost."""
    rest, frame = b"", zstandard.ZstdDecompressor().decompressobj()
    while data := rest or raw.read(ZSTD_BYTES):
        unpacked, rest = frame.decompress(data), b""
        if frame.eof:
            rest, frame = frame.unused_data, zstandard.ZstdDecompressor().decompressobj()
        if unpacked:
            yield unpacked


def _split(chunks: Iterator[bytes]) -> Iterator[bytes | None]:
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        for index, piece in enumerate(chunk.split(b"\n")):
            if index:
                yield b"".join(parts) if size <= MAX_LINE_BYTES else None
                parts, size = [], 0
            size += len(piece)
            if size <= MAX_LINE_BYTES:
                parts.append(piece)
            else:
                parts.clear()                # a line without end must not fill the memory
    if size:
        yield b"".join(parts) if size <= MAX_LINE_BYTES else None
