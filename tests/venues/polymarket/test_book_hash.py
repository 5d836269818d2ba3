"""The venue's hash against a book of the live venue, against the facts' recipe, and against everything that is not its book."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.model.market import Market
from trader.model.units import PriceBp, SizeMicro, price_to_wire
from trader.venues.contract import BookSample
from trader.venues.polymarket.book_hash import PolymarketBookHash, last_trade_texts

HASH = PolymarketBookHash()
V1 = Market("m", "0xc0", "11", "12", PriceBp(100), SizeMicro(5_000_000), 0, 1, "v1", False)
LEVELS = st.dictionaries(st.integers(1, 9999), st.sampled_from(["5", "100.09", "3737.87", "0.5"]), max_size=8)
Levels = tuple[tuple[PriceBp, tuple[str, str]], ...]


def levels(sizes: dict[int, str]) -> Levels:
    return tuple((PriceBp(bp), (price_to_wire(bp), size)) for bp, size in sizes.items())


def sample(bids: Levels = (), asks: Levels = (), **fields: Any) -> BookSample:
    made = BookSample("11", "", 1_790_658_661_234, PriceBp(10), bids, asks, "0.255", True, None)._replace(**fields)
    return made if made.hash else made._replace(hash=recipe(made, V1, "0.255"))


def recipe(book: BookSample, market: Market, last_trade: str) -> str:
    """As facts §3.2.1 tells it, with a JSON library instead of text."""
    preimage = {
        "market": market.condition_id, "asset_id": book.token_id, "timestamp": str(book.venue_ms), "hash": "",
        "bids": [{"price": p, "size": s} for _, (p, s) in sorted(book.bids)],
        "asks": [{"price": p, "size": s} for _, (p, s) in sorted(book.asks, reverse=True)],
        "min_order_size": "5", "tick_size": "0.001", "neg_risk": market.neg_risk, "last_trade_price": last_trade,
    } | ({"version": "v2"} if market.protocol == "v2" else {})
    return hashlib.sha1(json.dumps(preimage, separators=(",", ":")).encode()).hexdigest()


def test_a_recorded_book_of_the_live_venue_agrees() -> None:
    token = "663574927012476832975694178961957910328055987427402067619466963999000625152"
    market = Market("m", "0x017791f201d5a788e0039e511fc1900e5f000000000000000000000000000000", token, "1", PriceBp(100),
                    SizeMicro(5_000_000), 0, 1, "v2", False)
    book = BookSample(token, "fc3846cab0c35a0977b6e5f605a4e5ff0d0b2277", 1_791_238_858_575, PriceBp(100), (), (), "", True, None)
    assert HASH.agrees(book, market) is True
    assert HASH.agrees(book, market._replace(protocol="v1")) is False


@settings(max_examples=60, deadline=None)
@given(LEVELS, LEVELS, st.sampled_from(["v1", "v2"]), st.booleans())
def test_any_book_agrees_with_the_recipe_whatever_the_order_of_its_levels(
    bids: dict[int, str], asks: dict[int, str], protocol: str, neg_risk: bool,
) -> None:
    market = V1._replace(protocol=protocol, neg_risk=neg_risk)
    book = sample(levels(bids), levels(asks))
    assert HASH.agrees(book._replace(hash=recipe(book, market, "0.255")), market) is True


@settings(max_examples=60, deadline=None)
@given(LEVELS.filter(bool), st.data())
def test_a_single_level_that_differs_is_found(bids: dict[int, str], data: st.DataObject) -> None:
    book = sample(levels(bids))
    at = data.draw(st.sampled_from(sorted(bids)))
    assert HASH.agrees(book._replace(bids=levels(bids | {at: "7.77"})), V1) is False
    assert HASH.agrees(book._replace(bids=tuple(level for level in book.bids if level[0] != at)), V1) is False


def test_levels_count_verbatim_so_an_other_spelling_of_a_price_differs() -> None:
    book = sample(((PriceBp(3000), ("0.30", "5")),))
    assert HASH.agrees(book, V1) is True
    assert HASH.agrees(book._replace(bids=((PriceBp(3000), ("0.3", "5")),)), V1) is False


def test_without_a_hash_or_a_sure_last_trade_nothing_can_be_told() -> None:
    assert HASH.agrees(BookSample("11", "", 1, PriceBp(10), (), (), "", True, None), V1) is None
    assert HASH.agrees(sample(hash="0" * 40, last_trade_is_sure=False), V1) is None
    assert HASH.agrees(sample(hash="0" * 40, last_trade=None, last_trade_is_sure=False), V1) is None


def test_an_unsure_last_trade_that_fits_is_a_match_all_the_same() -> None:
    assert HASH.agrees(sample(last_trade_is_sure=False), V1) is True


def test_a_trade_of_the_other_outcome_is_tried_as_its_complement() -> None:
    book = sample(last_trade="0.5", last_trade_is_sure=False, other_last_trade="0.745")
    assert HASH.agrees(book, V1) is True


@pytest.mark.parametrize(("own", "other", "texts"), [
    ("0.92", None, ["0.92", "0.920"]), ("0.920", None, ["0.920"]), ("", None, [""]), (None, None, []), (None, "0.04", ["0.960"]),
    ("0.3015", None, ["0.3015"]), ("0.456", "0.9", ["0.456", "0.100"]), ("x", "y", ["x"]),
])
def test_the_ways_in_which_a_last_trade_may_be_written(own: str | None, other: str | None, texts: list[str]) -> None:
    assert last_trade_texts(sample(hash="h", last_trade=own, other_last_trade=other)) == texts
