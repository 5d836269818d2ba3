"""API keys and the two levels of authentication. Key records are written under `_lock`; verification is pure.

A key is derived from the exchange's seed, the address and the nonce: the same wallet gets the same key from the same
exchange, on this run and on the next.
"""

from __future__ import annotations

import base64
import hmac
import threading
import uuid
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import NamedTuple

from trader.exchange import refusal
from trader.exchange.addresses import checksummed, is_address
from trader.exchange.refusal import Refusal
from trader.exchange.signatures import auth_signer
from trader.exchange.whole_numbers import is_whole_number

TIMESTAMP_TOLERANCE_S = 300     # the live venue does not publish its own; generous, so that only a broken clock is refused


class ApiKey(NamedTuple):
    key: str
    secret: str             # url-safe base64
    passphrase: str
    address: str            # the EOA, checksummed; also the account id


class KeyRing:
    """All API keys. Shared by the REST workers and the publisher. `record` keeps what must survive a kill (`memory`)."""

    def __init__(self, seed: int, record: Callable[..., None] = lambda *row: None) -> None:
        self._record = record
        self._made: dict[str, tuple[str, int]] = {}     # key → (address, nonce): all that a key is made of, but for the seed
        self._root = sha256(f"embedded exchange {seed}".encode()).digest()
        self._keys: dict[str, ApiKey] = {}
        self._lock = threading.Lock()

    def create(self, address: str, nonce: int) -> ApiKey:
        api_key = self._derive(address, nonce)
        with self._lock:
            if api_key.key in self._keys:
                raise Refusal("Could not create api key")
            self._add(api_key, nonce)
            self._record("key", address, nonce)
        return api_key

    def restore(self, address: str, nonce: int) -> None:
        """A key of a former life of this exchange."""
        with self._lock:
            self._add(self._derive(address, nonce), nonce)

    def made(self) -> list[tuple[str, int]]:
        with self._lock:
            return list(self._made.values())

    def _add(self, api_key: ApiKey, nonce: int) -> None:
        self._keys[api_key.key] = api_key
        self._made[api_key.key] = (api_key.address, nonce)

    def derived(self, address: str, nonce: int) -> ApiKey:
        api_key = self._derive(address, nonce)
        with self._lock:
            if api_key.key not in self._keys:
                raise Refusal("Could not derive api key!")
        return api_key

    def delete(self, api_key: ApiKey) -> None:
        """Its secret opens nothing from now on, until the wallet makes the same key again."""
        with self._lock:
            self._drop(api_key.key)
            self._record("no_key", api_key.key)

    def forget(self, key: str) -> None:
        """A key that was deleted in a former life."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        self._keys.pop(key, None)
        self._made.pop(key, None)

    def of_address(self, address: str) -> list[str]:
        with self._lock:
            return [each.key for each in self._keys.values() if each.address == address]

    def matches(self, key: str, secret: str, passphrase: str) -> bool:
        """What a user stream shows instead of a signature."""
        known = self._keys.get(key)
        return known is not None and (known.secret, known.passphrase) == (secret, passphrase)

    def verify_l2(self, headers: Mapping[str, str], method: str, path: str, body: bytes, now_s: int) -> ApiKey:
        """HMAC over timestamp + METHOD + path without query + the exact body bytes."""
        api_key = self._keys.get(headers.get("POLY_API_KEY", ""))
        timestamp = headers.get("POLY_TIMESTAMP", "")
        if api_key is None or not fresh(timestamp, now_s):
            raise Refusal(refusal.BAD_API_KEY, status=401)
        message = f"{timestamp}{method}{path}".encode() + body
        digest = hmac.new(base64.urlsafe_b64decode(api_key.secret), message, sha256).digest()
        shown = (headers.get("POLY_SIGNATURE", ""), headers.get("POLY_PASSPHRASE", ""), headers.get("POLY_ADDRESS", "").lower())
        expected = (base64.urlsafe_b64encode(digest).decode(), api_key.passphrase, api_key.address.lower())
        if not all(hmac.compare_digest(one.encode(), other.encode()) for one, other in zip(shown, expected, strict=True)):
            raise Refusal(refusal.BAD_API_KEY, status=401)
        return api_key

    def _derive(self, address: str, nonce: int) -> ApiKey:
        def part(label: str) -> bytes:
            return hmac.new(self._root, f"{label} {address} {nonce}".encode(), sha256).digest()
        return ApiKey(str(uuid.UUID(bytes=part("key")[:16], version=4)), base64.urlsafe_b64encode(part("secret")).decode(),
                      part("passphrase").hex(), address)


def verify_l1(headers: Mapping[str, str], now_s: int) -> tuple[str, int]:
    """(address, nonce) of a wallet that proved itself by an EIP-712 signature."""
    address, timestamp = headers.get("POLY_ADDRESS", ""), headers.get("POLY_TIMESTAMP", "")
    nonce, signature = headers.get("POLY_NONCE", "0"), headers.get("POLY_SIGNATURE", "")
    if not is_address(address) or not is_whole_number(nonce) or not fresh(timestamp, now_s):
        raise Refusal(refusal.BAD_L1_HEADERS, status=401)
    try:
        signer = auth_signer(address, timestamp, int(nonce), bytes.fromhex(signature.removeprefix("0x")))
    except (ValueError, OverflowError):
        signer = None
    if signer is None or signer != checksummed(address):
        raise Refusal(refusal.BAD_L1_HEADERS, status=401)
    return signer, int(nonce)


def fresh(timestamp: str, now_s: int) -> bool:
    return is_whole_number(timestamp) and abs(int(timestamp) - now_s) <= TIMESTAMP_TOLERANCE_S
