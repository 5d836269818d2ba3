"""The text of a book and its hash, against a book of the live venue and an independent recomputation."""

from __future__ import annotations

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from trader.exchange.hashes import BookMirror, last_trade_price
from trader.exchange.orders import MarketSpec, Outcome, Side

CANARY = MarketSpec(
    "0x017791f201d5a788e0039e511fc1900e5f000000000000000000000000000000",
    ("663574927012476832975694178961957910328055987427402067619466963999000625152",
     "663574927012476832975694178961957910328055987427402067619466963999000625153"), "v2")
KEYS = ("market", "asset_id", "timestamp", "hash", "bids", "asks", "min_order_size", "tick_size", "neg_risk", "last_trade_price",
        "version")
CHANGES = st.tuples(st.sampled_from(list(Side)), st.integers(1, 9_999), st.integers(0, 3).map(lambda shares: shares * 10**6))


def recomputed(book):
    """The recipe as the facts tell it, over a parsed book."""
    preimage = {key: "" if key == "hash" else book[key] for key in KEYS if key in book}
    return hashlib.sha1(json.dumps(preimage, separators=(",", ":")).encode()).hexdigest()


def test_a_recorded_book_of_the_live_venue_has_the_hash_that_the_venue_gave_it():
    text = BookMirror(CANARY, 1_791_238_858_575).text(Outcome.YES)
    assert text.sha1() == "fc3846cab0c35a0977b6e5f605a4e5ff0d0b2277"
    assert list(json.loads(text.rest_json())) == list(KEYS)


def test_the_two_books_mirror_each_other_with_the_best_level_last():
    mirror = BookMirror(CANARY, 1)
    for side, price_bp in ((Side.BUY, 4_000), (Side.BUY, 4_100), (Side.SELL, 4_400), (Side.SELL, 4_300)):
        mirror.set(side, price_bp, price_bp * 1_000)
    up, down = (json.loads(mirror.text(outcome).rest_json()) for outcome in Outcome)
    assert [[level["price"] for level in up[half]] for half in ("bids", "asks")] == [["0.4", "0.41"], ["0.44", "0.43"]]
    assert [[level["price"] for level in down[half]] for half in ("bids", "asks")] == [["0.56", "0.57"], ["0.6", "0.59"]]
    assert mirror.best_bp(Outcome.NO) == (5_700, 5_900)


@given(st.lists(CHANGES, max_size=40))
def test_a_mirror_kept_up_by_changes_equals_one_made_from_the_result(changes):
    kept, levels = BookMirror(CANARY, 1), {}
    for side, price_bp, size_micro in changes:
        kept.set(side, price_bp, size_micro)
        levels[side, price_bp] = size_micro
    fresh = BookMirror(CANARY, 1)
    for (side, price_bp), size_micro in levels.items():
        fresh.set(side, price_bp, size_micro)
    for outcome in Outcome:
        assert kept.text(outcome) == fresh.text(outcome)
        book = json.loads(kept.text(outcome).rest_json())
        assert book["hash"] == recomputed(book)


def test_the_last_trade_price_has_three_decimals_and_a_fourth_only_where_needed():
    assert [last_trade_price(price_bp) for price_bp in (3_010, 9_200, 400, 1_234)] == ["0.301", "0.920", "0.040", "0.1234"]
