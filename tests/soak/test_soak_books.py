"""The judge of the soaks must itself be able to say no."""

import json

import httpx
import pytest

from tools.soak.books import BookWitness, Comparison


def book(token, hash_text, *bids, **more):
    return {"asset_id": token, "timestamp": "1790658661234", "hash": hash_text, "bids": [{"price": p, "size": "5"} for p in bids],
            "asks": [{"price": "0.90", "size": "5"}], **more}


def change(token, hash_text, price, size, bid):
    return {"event_type": "price_change", "timestamp": "1790658661300", "price_changes": [
        {"asset_id": token, "price": price, "size": size, "side": "BUY", "hash": hash_text, "best_bid": bid, "best_ask": "0.90"}]}


STREAM = (book("11", "a", "0.40", event_type="book"), change("11", "b", "0.41", "5", "0.41"), change("11", "b", "0.40", "0", "0.41"))


@pytest.fixture
def recording(tmp_path):
    lines = [json.dumps({"t_ns": number, "conn": "pm-book", "frame": json.dumps(message)}) for number, message in enumerate(STREAM)]
    (tmp_path / "pm-book-20261121-000000.jsonl.zst").write_text("\n".join(lines))
    return tmp_path


def compared(recording, *answers):
    told = iter(answers)
    exchange = httpx.MockTransport(lambda _: httpx.Response(200, json=next(told)))
    witness = BookWitness(httpx.Client(base_url="http://exchange", transport=exchange))
    for answer in answers:
        witness.look((answer["asset_id"],))
    return witness.compare(recording)


def test_a_book_is_compared_at_the_moment_that_its_hash_names(recording):
    assert compared(recording, book("11", "a", "0.40"), book("11", "b", "0.41")) == Comparison(asked=2, met=2, differed=0)


def test_a_book_that_differs_is_found_also_behind_the_best_levels(recording):
    deep = [f"0.{cents}" for cents in range(10, 42)]
    assert compared(recording, book("11", "b", "0.42")).differed == 1
    assert compared(recording, book("11", "b", *deep)).differed == 1


def test_a_state_that_the_desk_never_heard_of_is_asked_for_and_not_met(recording):
    assert compared(recording, book("11", "c", "0.40"), book("12", "a", "0.40")) == Comparison(asked=2, met=0, differed=0)
