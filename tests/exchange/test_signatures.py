"""Signatures made by the vendor's client are recovered; anything altered after signing is not."""

from __future__ import annotations

import pytest
from py_clob_client_v2.clob_types import CreateOrderOptions, OrderArgs
from py_clob_client_v2.order_builder.builder import OrderBuilder
from py_clob_client_v2.order_utils import SignatureTypeV2
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from py_clob_client_v2.signer import Signer
from py_clob_client_v2.signing.eip712 import sign_clob_auth_message

from trader.exchange.signatures import (
    EXCHANGE_V2,
    EXCHANGE_V3,
    NEG_RISK_EXCHANGE_V2,
    SignedOrder,
    auth_signer,
    order_domain,
    order_hash,
    order_signer,
    recover,
)

SIGNER = Signer("0x" + "11" * 32, 137)
FUNDER = "0xa3D82Ed56F4c68d2328Fb8c29e568Ba2cAF7d7c8"
MARKETS = [("v1", False, EXCHANGE_V2), ("v1", True, NEG_RISK_EXCHANGE_V2), ("v2", False, EXCHANGE_V3)]


def signed(version, neg_risk, signature_type):
    """(the client's object, the same order as we read it)."""
    builder = OrderBuilder(SIGNER, SignatureTypeV2(signature_type), None if signature_type == 0 else FUNDER)
    token = {"token_id": "7" * 20} if version == "v1" else {"position_id": "7" * 20}
    order = builder.build_order(OrderArgs(price=0.29, size=57, side="BUY", **token), CreateOrderOptions("0.01", neg_risk))
    return order, SignedOrder(
        int(order.salt), order.maker, order.signer, int(order.tokenId), int(order.makerAmount), int(order.takerAmount),
        int(order.side), int(order.signatureType), int(order.timestamp),
        *(bytes.fromhex(text[2:]) for text in (order.metadata, order.builder, order.signature)))


@pytest.mark.parametrize("signature_type", range(4))
@pytest.mark.parametrize(("version", "neg_risk", "contract"), MARKETS)
def test_the_signer_of_each_signature_type_is_recovered_on_each_exchange(version, neg_risk, contract, signature_type):
    _, ours = signed(version, neg_risk, signature_type)
    assert order_signer(ours, order_domain(version, neg_risk=neg_risk)) == SIGNER.address()


@pytest.mark.parametrize(("version", "neg_risk", "contract"), MARKETS)
def test_the_id_is_the_eip712_hash_that_the_client_computes(version, neg_risk, contract):
    theirs, ours = signed(version, neg_risk, 0)
    builder = ExchangeOrderBuilderV2(contract, 137, SIGNER, domain_version="3" if version == "v2" else "2")
    expected = builder.build_order_hash(builder.build_order_typed_data(theirs))
    assert order_hash(ours, order_domain(version, neg_risk=neg_risk)) == expected


@pytest.mark.parametrize("signature_type", range(4))
@pytest.mark.parametrize("field", ["salt", "token_id", "maker_amount", "taker_amount", "side", "timestamp_ms"])
def test_a_field_that_was_changed_after_signing_is_noticed(field, signature_type):
    _, ours = signed("v1", False, signature_type)
    assert order_signer(ours._replace(**{field: getattr(ours, field) + 1}), order_domain("v1", neg_risk=False)) != SIGNER.address()


@pytest.mark.parametrize("signature_type", range(4))
def test_a_signature_for_one_exchange_is_worth_nothing_on_another(signature_type):
    _, ours = signed("v1", False, signature_type)
    assert order_signer(ours, order_domain("v2", neg_risk=False)) != SIGNER.address()


def test_a_wrapped_signature_whose_wrapper_was_changed_is_refused():
    _, ours = signed("v1", False, 3)
    assert len(ours.signature) == 317
    for position in (70, 100, 150, 316):
        broken = bytearray(ours.signature)
        broken[position] ^= 1
        assert order_signer(ours._replace(signature=bytes(broken)), order_domain("v1", neg_risk=False)) is None


def test_the_high_s_twin_of_a_signature_is_refused():
    _, ours = signed("v1", False, 0)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = int.from_bytes(ours.signature[32:64], "big")
    twin = ours.signature[:32] + (order - s).to_bytes(32, "big") + bytes([27 + 28 - ours.signature[64]])
    assert order_signer(ours._replace(signature=twin), order_domain("v1", neg_risk=False)) is None


def test_nonsense_is_no_signature():
    assert recover(bytes(32), bytes(64)) is None
    assert recover(bytes(32), bytes(64) + b"\x1b") is None


def test_the_wallet_behind_an_l1_request_is_recovered():
    signature = bytes.fromhex(sign_clob_auth_message(SIGNER, 1_795_000_000, 3)[2:])
    assert auth_signer(SIGNER.address(), "1795000000", 3, signature) == SIGNER.address()
    assert auth_signer(SIGNER.address(), "1795000000", 4, signature) != SIGNER.address()
