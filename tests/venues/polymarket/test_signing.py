from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_clob_client_v2.clob_types import CreateOrderOptions, OrderArgsV2
from py_clob_client_v2.config import get_contract_config
from py_clob_client_v2.order_builder.builder import OrderBuilder
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2, SignatureTypeV2
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.signer import Signer

from trader.errors import WireError
from trader.model.order import OrderSpec, Side
from trader.model.setting import Secret
from trader.model.units import PriceBp, SizeMicro
from trader.venues.polymarket.account import Account, ApiCredentials
from trader.venues.polymarket.comparison import StockComparison, stock_comparison
from trader.venues.polymarket.signing import (
    Amounts,
    OrderSigner,
    OwnSigning,
    PolymarketRules,
    amounts_of,
)
from trader.venues.polymarket.stock import StockSigning, choose_signing
from trader.venues.polymarket.way_to_sign import account_signing

KEY = "0x" + "11" * 32
SIGNER = Signer(KEY, 137)
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FUNDER = "0xE111180000d2663C0091e4f400237545B87B996B"
SPEC = OrderSpec("0x" + "c" * 64, "7" * 77, Side.BUY, PriceBp(5100), SizeMicro(10_000_000), 12345, 1_795_000_000_000, "v1", False)


def account(signature_type: int = 0, key: str = KEY, chain_id: int = 137) -> Account:
    credentials = ApiCredentials("owner", Secret("c2VjcmV0"), Secret("pass"), b"secret")
    address = Signer(key, chain_id).address()
    return Account(address, FUNDER if signature_type else address, signature_type, chain_id, Secret(key), credentials)


ACCOUNTS = [account(kind) for kind in range(4)]
RULES = [PolymarketRules(OwnSigning(a)) for a in ACCOUNTS]
SIGNERS = [OrderSigner(a, OwnSigning(a)) for a in ACCOUNTS]

specs = st.builds(
    OrderSpec, condition_id=st.just("0x" + "c" * 64), token_id=st.integers(1, 2**256 - 1).map(str), side=st.sampled_from(list(Side)),
    price_bp=st.integers(1, 9_999), size_micro=st.integers(1, 10**9).map(lambda hundredths: hundredths * 10_000),
    salt=st.integers(0, 2**53 - 1), created_ms=st.integers(0, 2**45), protocol=st.sampled_from(["v1", "v2"]), neg_risk=st.booleans(),
)


def stock_builder(spec: OrderSpec) -> ExchangeOrderBuilderV2:
    contracts = get_contract_config(137)
    if spec.protocol == "v2":
        return ExchangeOrderBuilderV2(contracts.exchange_v3, 137, SIGNER, domain_version="3")
    return ExchangeOrderBuilderV2(contracts.neg_risk_exchange_v2 if spec.neg_risk else contracts.exchange_v2, 137, SIGNER)


def typed_data(spec: OrderSpec, who: Account) -> dict[str, object]:
    """The order as the official client would describe it."""
    dollars = spec.price_bp * spec.size_micro // 10_000
    gives, wants = (dollars, spec.size_micro) if spec.side is Side.BUY else (spec.size_micro, dollars)
    zero = "0x" + "00" * 32
    order = OrderV2(
        salt=str(spec.salt), maker=who.funder, signer=who.order_signer, tokenId=spec.token_id, makerAmount=str(gives),
        takerAmount=str(wants), side=0 if spec.side is Side.BUY else 1, signatureType=SignatureTypeV2(who.signature_type),
        timestamp=str(spec.created_ms), metadata=zero, builder=zero, expiration="0",
    )
    return dict(stock_builder(spec).build_order_typed_data(order))


@settings(max_examples=80, deadline=None)
@given(specs, st.integers(0, 3))
def test_our_order_id_is_the_hash_of_the_official_client(spec: OrderSpec, kind: int) -> None:
    assert RULES[kind].order_id(spec) == stock_builder(spec).build_order_hash(typed_data(spec, ACCOUNTS[kind]))


@settings(max_examples=60, deadline=None)
@given(specs, st.integers(0, 3), st.integers(1, CURVE_ORDER - 1), st.sampled_from([137, 80002]))
def test_with_any_key_id_and_signature_are_the_official_clients_byte_for_byte(spec: OrderSpec, kind: int, key: int,
                                                                              chain_id: int) -> None:
    who = account(kind, f"0x{key:064x}", chain_id)
    own, stock = OwnSigning(who), StockSigning(who)
    order_id = own.order_id(spec)
    assert order_id == stock.order_id(spec)
    assert own.signature(order_id, spec) == stock.signature(order_id, spec)


@settings(max_examples=25, deadline=None)
@given(specs, st.integers(0, 3))
def test_the_signature_in_the_body_is_the_official_clients(spec: OrderSpec, kind: int) -> None:
    body = orjson.loads(SIGNERS[kind].sign(RULES[kind].order_id(spec), spec).body)
    assert body["order"]["signature"] == stock_builder(spec).build_order_signature(typed_data(spec, ACCOUNTS[kind]))


def test_the_whole_order_is_what_the_official_builder_makes_of_the_same_numbers() -> None:
    made = OrderBuilder(SIGNER).build_order(OrderArgsV2(token_id=SPEC.token_id, price=0.51, size=10, side="BUY"),
                                            CreateOrderOptions(tick_size="0.01", neg_risk=False), version=2)
    ours = orjson.loads(SIGNERS[0].sign(RULES[0].order_id(SPEC), SPEC).body)["order"]
    assert (ours["makerAmount"], ours["takerAmount"]) == (made.makerAmount, made.takerAmount) == ("5100000", "10000000")
    assert (ours["maker"], ours["signer"], ours["metadata"], ours["builder"]) == (made.maker, made.signer, made.metadata, made.builder)


def test_the_body_is_post_only_good_till_cancelled_and_owned_by_our_key() -> None:
    signed = SIGNERS[0].sign(RULES[0].order_id(SPEC), SPEC)
    body = orjson.loads(signed.body)
    assert signed.order_id == RULES[0].order_id(SPEC)
    assert (body["owner"], body["orderType"], body["deferExec"], body["postOnly"]) == ("owner", "GTC", False, True)
    assert (body["order"]["salt"], body["order"]["timestamp"], body["order"]["side"]) == (12345, "1795000000000", "BUY")


def test_a_deposit_wallet_wraps_its_signature() -> None:
    order = orjson.loads(SIGNERS[3].sign(RULES[3].order_id(SPEC), SPEC).body)["order"]
    assert len(bytes.fromhex(order["signature"][2:])) == 317 and order["maker"] == order["signer"] == FUNDER


@settings(deadline=None)
@given(specs)
def test_the_amounts_say_the_price_exactly(spec: OrderSpec) -> None:
    amounts = amounts_of(spec)
    dollars, shares = (amounts.maker, amounts.taker) if spec.side is Side.BUY else (amounts.taker, amounts.maker)
    assert shares == spec.size_micro and dollars * 10_000 == spec.price_bp * shares


def test_a_sell_gives_shares_and_wants_dollars() -> None:
    assert amounts_of(SPEC._replace(side=Side.SELL)) == Amounts(10_000_000, 5_100_000)


@pytest.mark.parametrize("spec", [
    SPEC._replace(size_micro=SizeMicro(10_000_001)), SPEC._replace(size_micro=SizeMicro(5_000)),
    SPEC._replace(size_micro=SizeMicro(0)), SPEC._replace(size_micro=SizeMicro(-10_000)),
    SPEC._replace(size_micro=SizeMicro(10**15 + 10_000)),
    SPEC._replace(price_bp=PriceBp(0)), SPEC._replace(price_bp=PriceBp(10_000)),
])
def test_an_order_without_an_exact_amount_is_refused(spec: OrderSpec) -> None:
    with pytest.raises(WireError, match="no exact amount"):
        RULES[0].order_id(spec)


class BrokenSigning(OwnSigning):
    """As after a change of the order struct that only the venue's client knows."""

    def order_id(self, order: OrderSpec) -> str:
        return super().order_id(order._replace(salt=order.salt ^ 1))


class FailingSigning(OwnSigning):
    def signature(self, order_id: str, order: OrderSpec) -> str:
        raise OSError("no native library")


@pytest.mark.parametrize("kind", range(4))
def test_an_own_encoder_that_was_found_to_agree_signs_for_every_kind_of_wallet(kind: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert isinstance(account_signing(ACCOUNTS[kind], stock_comparison(137)), OwnSigning)
    assert "agrees with py-clob-client-v2 on every kind of order" in caplog.text


def test_a_comparison_that_did_not_end_well_is_made_again_here(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert isinstance(account_signing(ACCOUNTS[0], StockComparison("no_such_module")), OwnSigning)
    assert "comparing here" in caplog.text and "on 8 kinds of order" in caplog.text


@pytest.mark.parametrize("broken", [BrokenSigning, FailingSigning])
def test_an_encoder_that_disagrees_or_fails_is_replaced_by_the_official_client_and_the_log_says_so(
        broken: type[OwnSigning], caplog: pytest.LogCaptureFixture) -> None:
    stock = StockSigning(ACCOUNTS[0])
    assert choose_signing(broken(ACCOUNTS[0]), stock) is stock
    assert "ten times slower" in caplog.text


def test_with_the_fallback_id_and_body_are_the_same() -> None:
    stock = StockSigning(ACCOUNTS[3])
    order_id = PolymarketRules(stock).order_id(SPEC)
    assert order_id == RULES[3].order_id(SPEC)
    assert OrderSigner(ACCOUNTS[3], stock).sign(order_id, SPEC) == SIGNERS[3].sign(order_id, SPEC)


def test_a_wallet_signs_the_very_id_under_which_the_executor_tracks_the_order() -> None:
    """So an order can never come to life under another id."""
    other = RULES[0].order_id(SPEC._replace(salt=1))
    assert OwnSigning(ACCOUNTS[0]).signature(other, SPEC) == OwnSigning(ACCOUNTS[0]).signature(other, SPEC._replace(salt=1))
