"""What an account is told of its fills."""

from __future__ import annotations


def filled(ann, bob):
    bob.post(token="222", price=0.6)
    return ann.post()[1]["orderID"]


def test_each_side_of_a_trade_is_told_of_its_own_order(ann, bob):
    order_id = filled(ann, bob)
    mine, theirs = (wallet.call("GET", "/notifications")[1] for wallet in (ann, bob))
    assert [(each["type"], each["payload"]["order_id"], each["payload"]["matched_size"]) for each in mine] == [(2, order_id, "10")]
    assert [each["payload"]["outcome"] for each in theirs] == ["Down"]


def test_what_was_dropped_is_not_told_again(ann, bob):
    filled(ann, bob)
    told, = ann.call("GET", "/notifications")[1]
    assert ann.call("DELETE", "/notifications", ids=f"{told['id']},abc") == (200, "OK")
    assert ann.call("GET", "/notifications") == (200, []) and len(bob.call("GET", "/notifications")[1]) == 1


def test_notifications_need_credentials(ann):
    assert ann.call("GET", "/notifications", headers={})[0] == 401
