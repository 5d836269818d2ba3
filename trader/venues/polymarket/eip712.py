"""The EIP-712 encoding of an order and its signature, written out for the one struct that we send. Pure; any thread.

An order is twelve 32-byte words. Two hashes make the digest, which is the order's id at the venue and what a wallet of type 0-2
signs; a deposit wallet (type 3) signs an ERC-7739 wrap of the same words. The venue's own client does this generically at ten
times the cost and holds the interpreter meanwhile; `signing` compares the two at start, property tests always.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from sha3 import keccak_256

DOMAIN_NAME = "Polymarket CTF Exchange"
ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_WRAP_TYPE = ("TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
              + ORDER_TYPE)
_WALLET_NAME, _WALLET_VERSION = "DepositWallet", "1"
_TYPED = b"\x19\x01"
_ZERO = bytes(32)
_pack_small = struct.Struct(">24xQ").pack        # a word that holds less than 2**64


class OrderWords(NamedTuple):
    """What differs from order to order. The rest is the account's and is joined once."""

    salt: int                # below 2**53: it travels as a JSON number
    token_id: int            # any 256 bits
    maker_amount: int        # micro; below 2**64
    taker_amount: int
    is_sell: bool
    created_ms: int


def keccak(data: bytes) -> bytes:
    hashed: bytes = keccak_256(data).digest()
    return hashed


def address_word(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x")).rjust(32, b"\0")


def domain_separator(version: str, chain_id: int, contract: str) -> bytes:
    return keccak(text_hash(_DOMAIN_TYPE) + text_hash(DOMAIN_NAME) + text_hash(version) + word(chain_id) + address_word(contract))


class OrderEncoder:
    """Of one account: who makes and who signs is the same in all its orders."""

    def __init__(self, maker: str, signer: str, signature_type: int) -> None:
        self._head = text_hash(ORDER_TYPE)
        self._parties = address_word(maker) + address_word(signer)
        self._kinds = {is_sell: _pack_small(is_sell) + _pack_small(signature_type) for is_sell in (False, True)}

    def contents(self, order: OrderWords) -> bytes:
        """The hash of the struct. Metadata and builder code are always empty."""
        return keccak(b"".join((
            self._head, _pack_small(order.salt), self._parties, order.token_id.to_bytes(32, "big"),
            _pack_small(order.maker_amount), _pack_small(order.taker_amount), self._kinds[order.is_sell],
            _pack_small(order.created_ms), _ZERO, _ZERO,
        )))


def digest(domain: bytes, contents: bytes) -> bytes:
    return keccak(_TYPED + domain + contents)


class DepositWalletWrap:
    """Type 3: the owner signs for a wallet contract, which checks what was signed from what the signature carries along."""

    def __init__(self, wallet: str, chain_id: int) -> None:
        self._head = text_hash(_WRAP_TYPE)
        self._tail = (text_hash(_WALLET_NAME) + text_hash(_WALLET_VERSION) + word(chain_id) + address_word(wallet) + _ZERO)
        self._suffix = ORDER_TYPE.encode() + len(ORDER_TYPE).to_bytes(2, "big")

    def digest(self, domain: bytes, contents: bytes) -> bytes:
        return digest(domain, keccak(self._head + contents + self._tail))

    def wrap(self, signature: bytes, domain: bytes, contents: bytes) -> bytes:
        return signature + domain + contents + self._suffix


def text_hash(text: str) -> bytes:
    return keccak(text.encode())


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")
