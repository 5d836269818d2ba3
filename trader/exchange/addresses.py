"""Ethereum addresses as text: is it one, and its checksummed spelling (EIP-55). Pure."""

from __future__ import annotations

import re

from sha3 import keccak_256

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def is_address(text: str) -> bool:
    """In any spelling. A mixed one need not be checksummed: the venue's clients send both."""
    return _ADDRESS.fullmatch(text) is not None


def checksummed(text: str) -> str:
    """The spelling that everything here is compared in. ValueError for what is no address."""
    if not is_address(text):
        raise ValueError(f"{text!r} is not an address")
    lower = text[2:].lower()
    digits = keccak_256(lower.encode()).hexdigest()
    return "0x" + "".join(letter.upper() if int(digit, 16) >= 8 else letter for letter, digit in zip(lower, digits, strict=False))
