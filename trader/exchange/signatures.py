"""Who signed this? Recovers the signer of L1 requests and of orders. Pure; runs on REST workers, outside the lock.

EIP-712 is written out by hand here: 32-byte words, keccak, one public-key recovery. It owes nothing to the client library
that makes the signatures, so a mistake there cannot be repeated here.
"""

from __future__ import annotations

from typing import NamedTuple

from coincurve import PublicKey
from sha3 import keccak_256

from trader.exchange.addresses import checksummed
from trader.exchange.contracts import CHAIN_ID, EXCHANGE_V2, EXCHANGE_V3, NEG_RISK_EXCHANGE_V2, contract_of

POLY_1271 = 3           # deposit wallet: the signature is wrapped as ERC-7739 prescribes

_ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_WRAPPED_TYPE = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)" + _ORDER_TYPE
)
_AUTH_TYPE = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_AUTH_MESSAGE = "This message attests that I control the given wallet"
_HALF_CURVE = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_WORD = 32
_PLAIN_LENGTH = 65
_ZERO_WORD = bytes(_WORD)


class SignedOrder(NamedTuple):
    """The signed fields of an order, as integers and bytes, and its signature."""

    salt: int
    maker: str
    signer: str
    token_id: int
    maker_amount: int
    taker_amount: int
    side: int               # 0 buy, 1 sell
    signature_type: int
    timestamp_ms: int
    metadata: bytes
    builder: bytes
    signature: bytes


def keccak(data: bytes) -> bytes:
    return keccak_256(data).digest()  # type: ignore[no-any-return]


def word(value: int) -> bytes:
    return value.to_bytes(_WORD, "big")


def address_word(address: str) -> bytes:
    raw = bytes.fromhex(address.removeprefix("0x"))
    if len(raw) != 20:
        raise ValueError(f"{address!r} is not an address")
    return raw.rjust(_WORD, b"\0")


def _domain_separator(name: str, version: str, contract: str | None) -> bytes:
    fields = "string name,string version,uint256 chainId" + (",address verifyingContract" if contract else "")
    words = [keccak(f"EIP712Domain({fields})".encode()), keccak(name.encode()), keccak(version.encode()), word(CHAIN_ID)]
    return keccak(b"".join(words + ([address_word(contract)] if contract else [])))


_ORDER_TYPE_HASH = keccak(_ORDER_TYPE.encode())
_WRAPPED_TYPE_HASH = keccak(_WRAPPED_TYPE.encode())
_AUTH_TYPE_HASH = keccak(_AUTH_TYPE.encode())
_AUTH_DOMAIN = _domain_separator("ClobAuthDomain", "1", None)
_WALLET_NAME_HASH, _WALLET_VERSION_HASH = keccak(b"DepositWallet"), keccak(b"1")
_VERSIONS = {EXCHANGE_V2: "2", NEG_RISK_EXCHANGE_V2: "2", EXCHANGE_V3: "3"}
_DOMAINS = {contract: _domain_separator("Polymarket CTF Exchange", version, contract) for contract, version in _VERSIONS.items()}


def order_domain(market_version: str, *, neg_risk: bool) -> bytes:
    """Which domain a market's orders are signed for."""
    return _DOMAINS[contract_of(market_version, neg_risk=neg_risk)]


def contents_hash(order: SignedOrder) -> bytes:
    return keccak(b"".join((
        _ORDER_TYPE_HASH, word(order.salt), address_word(order.maker), address_word(order.signer), word(order.token_id),
        word(order.maker_amount), word(order.taker_amount), word(order.side), word(order.signature_type),
        word(order.timestamp_ms), order.metadata, order.builder,
    )))


def order_hash(order: SignedOrder, domain: bytes) -> str:
    """The order's id, on the venue and here."""
    return "0x" + keccak(b"\x19\x01" + domain + contents_hash(order)).hex()


def order_signer(order: SignedOrder, domain: bytes) -> str | None:
    """The EOA that signed `order` for the exchange of `domain`; None when the signature is not valid for it."""
    contents = contents_hash(order)
    if order.signature_type != POLY_1271:
        return recover(keccak(b"\x19\x01" + domain + contents), order.signature)
    inner = _unwrap(order.signature, domain, contents)
    if inner is None:
        return None
    wrapped = keccak(b"".join((_WRAPPED_TYPE_HASH, contents, _WALLET_NAME_HASH, _WALLET_VERSION_HASH, word(CHAIN_ID),
                               address_word(order.signer), _ZERO_WORD)))
    return recover(keccak(b"\x19\x01" + domain + wrapped), inner)


def _unwrap(signature: bytes, domain: bytes, contents: bytes) -> bytes | None:
    """ERC-7739: inner signature, domain separator, contents hash, contents type, its length in two bytes."""
    described = _ORDER_TYPE.encode()
    tail = domain + contents + described + len(described).to_bytes(2, "big")
    return signature[:_PLAIN_LENGTH] if signature[_PLAIN_LENGTH:] == tail else None


def auth_signer(address: str, timestamp: str, nonce: int, signature: bytes) -> str | None:
    """The EOA that signed an L1 request."""
    message = b"".join((_AUTH_TYPE_HASH, address_word(address), keccak(timestamp.encode()), word(nonce), keccak(_AUTH_MESSAGE.encode())))
    return recover(keccak(b"\x19\x01" + _AUTH_DOMAIN + keccak(message)), signature)


def recover(digest: bytes, signature: bytes) -> str | None:
    """Checksummed address of the key behind a 65-byte r‖s‖v signature. High-s twins are refused, as on chain."""
    if len(signature) != _PLAIN_LENGTH or signature[64] not in (27, 28, 0, 1):
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF_CURVE:
        return None
    compact = signature[:64] + bytes([signature[64] % 27])
    try:
        public_key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except Exception:       # coincurve raises bare Exception for a point that is not on the curve
        return None
    return address_of(public_key)


def address_of(public_key: PublicKey) -> str:
    return checksummed("0x" + keccak(public_key.format(compressed=False)[1:])[-20:].hex())
