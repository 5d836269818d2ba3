from __future__ import annotations

import pytest

from trader.fleet.letters import Discovered, Doubted, Owned, RecycleNow, Resolved, ScanDone
from trader.fleet.link_groups import LinkGroups
from trader.fleet.registry import Status


@pytest.fixture
def stage(make_stage):
    return make_stage()


def settled(stage, *numbers):
    stage.discover(*numbers)
    stage.pass_time(1000)
    stage.settle()


def test_a_lone_new_market_waits_a_second_for_company_and_no_longer(stage):
    stage.discover(1)
    stage.pass_time(999)
    assert not stage.connections.live
    stage.pass_time(1)
    assert stage.connections.live[1].carried == {"11", "12"}


def test_a_market_is_subscribed_when_both_books_came(stage):
    stage.discover(1)
    stage.pass_time(1000)
    stage.up(1)
    stage.deliver(1, "11")
    assert stage.registry.counts()["pending"] == 1
    stage.deliver(1, "12")
    assert stage.registry.counts()["subscribed"] == 1


def test_a_snapshot_on_another_connection_proves_nothing(stage):
    stage.discover(1)
    stage.pass_time(1000)
    stage.keeper.take(Owned(((7, "11"), (7, "12"), (1, "of nobody"))))
    assert stage.registry.counts()["pending"] == 1


def test_new_markets_use_the_room_that_there_is(stage):
    settled(stage, 1, 2)
    stage.discover(3)
    assert set(stage.connections.live) == {1} and "31" in stage.connections.live[1].carried


def test_known_markets_are_not_news(stage):
    settled(stage, 1)
    stage.discover(1)
    assert stage.born == ["slug-1"] and stage.keeper.added == 1


def test_more_markets_than_allowed_are_refused_and_counted(make_stage):
    stage = make_stage(max_markets=2)
    stage.discover(1, 2, 3)
    assert (stage.keeper.added, stage.keeper.refused) == (2, 1)


def test_a_market_ends_at_its_end_even_while_it_is_pending(stage):
    soon_ms = stage.clock.wall_ms() + 10_000
    stage.discover(1, end_ms=soon_ms)
    stage.pass_time(30_000)
    assert stage.registry.counts()["expired"] == 1 and stage.gone == ["slug-1"]


def test_a_resolved_market_ends_once_and_nothing_is_expected_of_it_any_more(stage):
    settled(stage, 1, 2)
    stage.keeper.take(Resolved("0x0001"))
    stage.keeper.take(Resolved("0x0001"))
    stage.keeper.take(Resolved("of nobody"))
    assert stage.gone == ["slug-1"] and stage.connections.live[1].retired == {"11", "12"}


def test_an_ended_market_stays_for_its_grace_period_counted_from_its_end(make_stage):
    stage = make_stage(grace_s=100.0, cleanup_s=10.0)
    settled(stage, 1, 2)
    stage.pass_time(200_000)
    stage.keeper.take(Resolved("0x0001"))
    stage.pass_time(90_000)
    assert stage.registry.counts()["expired"] == 1
    stage.pass_time(10_000)
    assert stage.registry.get("0x0001") is None and stage.connections.live[1].carried == {"21", "22"}
    assert stage.workers.owner("11") is None


def test_a_removed_market_is_found_again(make_stage):
    stage = make_stage(grace_s=0.0, cleanup_s=10.0)
    settled(stage, 1)
    stage.keeper.take(Resolved("0x0001"))
    stage.pass_time(10_000)
    stage.discover(1)
    assert stage.registry.get("0x0001").status is Status.PENDING


def test_a_market_whose_end_was_put_off_begins_anew(stage):
    soon_ms = stage.clock.wall_ms() + 10_000
    stage.discover(1, end_ms=soon_ms)
    stage.pass_time(30_000)
    stage.discover(1, end_ms=soon_ms)
    assert stage.registry.get("0x0001").status is Status.EXPIRED
    stage.discover(1)
    assert stage.registry.get("0x0001").status is Status.PENDING


def test_a_market_that_two_complete_listings_miss_has_ended(stage):
    settled(stage, 1, 2)
    now_ns = stage.clock.monotonic_ns() + 1
    stage.keeper.take(ScanDone(frozenset({"0x0002"}), now_ns))
    assert not stage.gone
    stage.keeper.take(ScanDone(frozenset({"0x0002"}), now_ns))
    assert stage.gone == ["slug-1"]


def test_a_market_that_is_younger_than_the_listing_is_not_missed(stage):
    settled(stage, 1)
    for _ in range(3):
        stage.keeper.take(ScanDone(frozenset(), 0))
    assert not stage.gone


def test_a_doubted_book_is_fetched_anew_unless_its_market_has_ended(stage):
    settled(stage, 1, 2)
    stage.keeper.take(Resolved("0x0002"))
    stage.keeper.take(Doubted(((1, "11"), (1, "21"), (9, "12"), (1, "of nobody"))))
    assert stage.connections.live[1].owed == {"11"}


def test_a_worker_that_was_restarted_is_refilled_from_fresh_snapshots(stage):
    settled(stage, 1, 2, 3)
    for worker in (0, 1):
        stage.kill_worker(worker)
    assert not stage.workers.is_whole("11")
    stage.deliver_all()
    assert all(stage.workers.is_whole(token) for token in ("11", "12", "21", "22", "31", "32"))


def test_a_connection_without_markets_is_closed(make_stage):
    stage = make_stage(grace_s=0.0, cleanup_s=10.0)
    settled(stage, 1)
    stage.keeper.take(Resolved("0x0001"))
    stage.pass_time(10_000)
    assert not stage.connections.live


def test_recycling_that_is_switched_off_happens_only_when_asked_for(make_stage):
    stage = make_stage(enable_recycling=False, recycle_age_h=0.001)
    settled(stage, 1)
    stage.pass_time(120_000)
    assert not stage.recycler.active
    stage.keeper.take(RecycleNow(None))
    assert stage.recycler.active


def test_a_callback_that_fails_changes_nothing(make_stage):
    stage = make_stage()
    stage.born = None        # its append fails
    stage.discover(1, 2)
    assert stage.keeper.added == 2


def test_letters_of_one_cycle_are_all_handled_before_it_decides(stage):
    stage.discover(9)
    nine = stage.registry.get("0x0009").market
    for number in (1, 2, 3):
        stage.keeper.put(Discovered((nine._replace(condition_id=f"0x{number}", tokens=(f"{number}1", f"{number}2")),)))
    stage.keeper.do_work()
    assert stage.keeper.added == 4 and stage.keeper.depth == 0


def missed(stage, *seen):
    """Two complete listings in a row that hold only these."""
    for _ in range(2):
        stage.clock.advance(ms=1000)
        stage.keeper.take(ScanDone(frozenset(f"0x{number:04x}" for number in seen), stage.clock.monotonic_ns()))


def test_a_market_that_was_only_missing_from_the_listing_comes_back_with_it(stage):
    settled(stage, 1, 2)
    missed(stage, 1)
    assert stage.registry.get("0x0002").status is Status.EXPIRED
    settled(stage, 1, 2)
    assert stage.registry.get("0x0002").status is Status.SUBSCRIBED
    stage.check()


def test_a_market_that_the_stream_called_resolved_does_not_come_back(stage):
    settled(stage, 1, 2)
    missed(stage, 1)
    stage.keeper.take(Resolved("0x0002"))
    settled(stage, 1, 2)
    assert stage.registry.get("0x0002").status is Status.EXPIRED


def test_a_listing_without_most_of_what_is_watched_ends_nothing(make_stage):
    stage = make_stage(target_assets=100, max_assets=100)
    settled(stage, *range(1, 31))
    missed(stage)
    assert stage.registry.counts()["expired"] == 0 and stage.keeper.doubted_listings == 2
    missed(stage, *range(1, 20))
    assert stage.registry.counts()["expired"] == 11


def test_a_market_that_gets_no_books_is_named_once_until_it_has_had_them(stage, caplog):
    stage.discover(1, 2)
    stage.pass_time(1000)
    stage.up(1)
    for token in ("11", "12", "21"):
        stage.deliver(1, token)
    for _ in range(4):
        stage.pass_time(30_000)
    told = [record.getMessage() for record in caplog.records if "no books" in record.getMessage()]
    assert len(told) == 1 and told[0].startswith("market slug-2 has no books 61 s after it was found (connection 1, ")
    assert [entry.market.slug for entry in stage.registry.bookless(stage.clock.monotonic_ns())] == ["slug-2"]
    stage.deliver(1, "22")
    assert stage.registry.bookless(stage.clock.monotonic_ns()) == []


def test_a_name_of_link_groups_that_nothing_has_is_told_after_a_whole_listing(stage, caplog):
    stage.registry.groups = LinkGroups("slug-1+slag-2")
    stage.discover(1, 2)
    assert "link_groups" not in caplog.text
    stage.keeper.take(ScanDone(frozenset({"0x0001", "0x0002"}), 0))
    assert "no market that is watched has the slug, event or series slag-2 of fleet.link_groups" in caplog.text
