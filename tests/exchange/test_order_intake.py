"""From the vendor's signed order to what the engine sees, and each way to be refused on the way."""

from __future__ import annotations

import re

import pytest
from py_clob_client_v2.clob_types import CreateOrderOptions, MarketOrderArgs, OrderArgs
from py_clob_client_v2.order_builder.builder import OrderBuilder
from py_clob_client_v2.order_utils import SignatureTypeV2
from py_clob_client_v2.order_utils.model.order_data_v1 import order_to_json_v1
from py_clob_client_v2.order_utils.model.order_data_v2 import order_to_json_v2
from py_clob_client_v2.signer import Signer

from trader.exchange.credentials import ApiKey
from trader.exchange.order_intake import price_and_size, read_order
from trader.exchange.orders import OrderType, Outcome, Side
from trader.exchange.refusal import Refusal
from trader.exchange.signatures import SignedOrder

SIGNER = Signer("0x" + "11" * 32, 137)
STRANGER = Signer("0x" + "22" * 32, 137)
FUNDER = "0xa3D82Ed56F4c68d2328Fb8c29e568Ba2cAF7d7c8"
KEY = ApiKey("key", "", "", SIGNER.address())
SIGNED = SignedOrder(1, "", "", 111, 1, 1, 0, 0, 0, b"", b"", b"")
OPTIONS = CreateOrderOptions("0.01", False)


def wire(signature_type=0, signer=SIGNER, order_type="GTC", post_only=False, **args):
    builder = OrderBuilder(signer, SignatureTypeV2(signature_type), None if signature_type == 0 else FUNDER)
    order = builder.build_order(OrderArgs(**{"token_id": "222", "price": 0.29, "size": 57, "side": "SELL", **args}), OPTIONS)
    return order_to_json_v2(order, "key", order_type, post_only)


@pytest.mark.parametrize("signature_type", range(4))
def test_an_order_of_each_signature_type_is_read_exactly(venue, signature_type):
    new = read_order(wire(signature_type, post_only=True), KEY, venue)
    assert (new.outcome, new.side, new.price_bp, new.size_micro, new.post_only) == (Outcome.NO, Side.SELL, 2_900, 57_000_000, True)
    assert (new.account_id, new.maker_address) == (SIGNER.address(), FUNDER if signature_type else SIGNER.address())


def test_a_gtd_order_keeps_its_stated_end(venue):
    assert read_order(wire(order_type="GTD", expiration=1_795_000_200), KEY, venue).expires_ms == 1_795_000_200_000


def market_wire(order_type="FAK", tick="0.01", **args):
    order = OrderBuilder(SIGNER).build_market_order(MarketOrderArgs(token_id="111", **args), CreateOrderOptions(tick, False))
    return order_to_json_v2(order, "key", order_type)


@pytest.mark.parametrize("order_type", ["FAK", "FOK"])
def test_a_market_buy_spends_its_dollars_at_no_more_than_its_price(venue, order_type):
    new = read_order(market_wire(order_type, amount=5, side="BUY", price=0.53), KEY, venue)
    assert (new.order_type, new.price_bp, new.spend_micro) == (OrderType(order_type), 5_300, 5_000_000)


def test_a_market_sell_gives_its_shares(venue):
    new = read_order(market_wire(amount=7.5, side="SELL", price=0.53), KEY, venue)
    assert (new.side, new.price_bp, new.size_micro, new.spend_micro) == (Side.SELL, 5_300, 7_500_000, 0)


def test_the_shares_of_a_market_buy_have_four_decimals_whatever_the_tick(venue):
    text = "the market buy orders maker amount supports a max accuracy of 2 decimals, taker amount a max of 4 decimals"
    with pytest.raises(Refusal, match=text):
        read_order(market_wire(tick="0.001", amount=9.98, side="BUY", price=0.985), KEY, venue)


def test_a_resting_order_pays_exactly_its_size_at_its_price(venue):
    payload = wire(size=19.69, price=0.22)
    payload["order"]["takerAmount"] = "4330000"
    with pytest.raises(Refusal, match="invalid signature"):
        read_order(payload, KEY, venue)         # the amounts are what is signed
    with pytest.raises(Refusal, match=re.escape("the taker amount for a $0.22 order of size 19.69 should be '4.3318'")):
        price_and_size(SIGNED._replace(maker_amount=19_690_000, taker_amount=4_330_000, side=1), OrderType.GTC, 100)


def test_a_v1_order_is_refused_by_its_shape(venue):
    order = OrderBuilder(SIGNER).build_order(OrderArgs(token_id="222", price=0.29, size=57, side="SELL"), OPTIONS, version=1)
    with pytest.raises(Refusal, match="order_version_mismatch"):
        read_order(order_to_json_v1(order, "key", "GTC"), KEY, venue)


@pytest.mark.parametrize("field", ["makerAmount", "takerAmount", "timestamp", "tokenId"])
def test_an_altered_order_is_refused(venue, field):
    payload = wire()
    payload["order"][field] = "111" if field == "tokenId" else str(int(payload["order"][field]) * 2)
    with pytest.raises(Refusal, match="invalid signature"):
        read_order(payload, KEY, venue)


def test_the_signer_must_be_the_address_of_the_api_key(venue):
    with pytest.raises(Refusal, match="the order signer address has to be the address of the API KEY"):
        read_order(wire(signer=STRANGER), KEY, venue)


def test_the_owner_must_be_the_api_key(venue):
    with pytest.raises(Refusal, match="owner of the API KEY"):
        read_order(wire() | {"owner": "another"}, KEY, venue)


def test_an_eoa_order_must_be_made_by_the_eoa(venue):
    builder = OrderBuilder(SIGNER, SignatureTypeV2(0), FUNDER)
    order = builder.build_order(OrderArgs(token_id="222", price=0.29, size=57, side="SELL"), OPTIONS)
    with pytest.raises(Refusal, match="invalid signature"):
        read_order(order_to_json_v2(order, "key", "GTC"), KEY, venue)


def test_a_wallet_belongs_to_the_first_that_signs_for_it(venue):
    read_order(wire(2), KEY, venue)
    with pytest.raises(Refusal, match="invalid signature"):
        read_order(wire(2, signer=STRANGER), KEY._replace(address=STRANGER.address()), venue)


def test_an_unknown_token_has_no_book(venue):
    with pytest.raises(Refusal, match="the orderbook 999 does not exist"):
        read_order(wire(token_id="999"), KEY, venue)


@pytest.mark.parametrize("changed", [{"orderType": "IOC"}, {"order": None}, {"order": {"timestamp": "1"}}])
def test_what_is_no_order_is_refused(venue, changed):
    with pytest.raises(Refusal, match="Invalid order payload"):
        read_order(wire() | changed, KEY, venue)
