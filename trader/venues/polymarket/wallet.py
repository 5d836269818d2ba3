"""The wallet behind an account: its key, its address, what it signs, and the login by which it gets API credentials. Pure; any thread.

Addresses are text, in the spelling of EIP-55 where they are ours to write.
"""

from __future__ import annotations

import re

from coincurve import PrivateKey

from trader.venues.polymarket.eip712 import address_word, digest, keccak, text_hash, word

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_KEY = re.compile(r"(?:0x)?[0-9a-fA-F]{64}")
_RECOVERY_OFFSET = 27                    # Ethereum counts the recovery id from 27
_LOGIN_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId)"
_LOGIN_TYPE = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_LOGIN_MESSAGE = "This message attests that I control the given wallet"


class Wallet:
    """Recoverable secp256k1 signatures with deterministic nonces: the same digest is signed the same way every time."""

    def __init__(self, private_key: str) -> None:
        """Raises ValueError, which does not quote the key, for what is none."""
        if _KEY.fullmatch(private_key) is None:
            raise ValueError("a private key is 0x and 64 hex digits")
        self._key = PrivateKey(bytes.fromhex(private_key.removeprefix("0x")))        # ValueError: zero, or beyond the curve's order
        self.address = checksummed("0x" + keccak(self._key.public_key.format(compressed=False)[1:])[-20:].hex())

    def sign(self, digest_: bytes) -> bytes:
        """r, s and the recovery id as Ethereum writes it: 65 bytes."""
        signature = self._key.sign_recoverable(digest_, hasher=None)
        return signature[:64] + bytes((signature[64] + _RECOVERY_OFFSET,))

    def login_headers(self, chain_id: int, seconds: int) -> dict[str, str]:
        """L1: proves to the venue that we hold the key, for `/auth` requests only."""
        domain = keccak(text_hash(_LOGIN_DOMAIN_TYPE) + text_hash("ClobAuthDomain") + text_hash("1") + word(chain_id))
        nonce = 0
        contents = keccak(text_hash(_LOGIN_TYPE) + address_word(self.address) + text_hash(str(seconds)) + word(nonce)
                          + text_hash(_LOGIN_MESSAGE))
        return {"POLY_ADDRESS": self.address, "POLY_SIGNATURE": "0x" + self.sign(digest(domain, contents)).hex(),
                "POLY_TIMESTAMP": str(seconds), "POLY_NONCE": str(nonce)}


def is_address(text: str) -> bool:
    """One in mixed letters must be spelled as EIP-55 says: that is how a typing mistake shows."""
    return _ADDRESS.fullmatch(text) is not None and (text[2:] in (text[2:].lower(), text[2:].upper()) or text == checksummed(text))


def checksummed(address: str) -> str:
    lower = address[2:].lower()
    digits = keccak(lower.encode()).hex()
    return "0x" + "".join(letter.upper() if int(digit, 16) >= 8 else letter for letter, digit in zip(lower, digits, strict=False))
