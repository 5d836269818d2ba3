"""The role stepped without a thread: its parking event is set from the start, so that only the clock decides."""

from __future__ import annotations

import logging
import threading

import pytest

from trader.errors import AuthError, ConnectionLost, WireError
from trader.handoff.cache import SnapshotCache
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.orders import FeedOrders, Subscription
from trader.markets.role import MarketsRole
from trader.markets.settings import MarketSettings
from trader.model.event import MarketChange, MarketResolved
from trader.model.market import LiveMarket, Market
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import Listing

START_MS = 1_795_000_000_000
HOUR_MS = 3_600_000


def window(number: int) -> Market:
    """The hour that begins `number` hours after the start."""
    open_ms = START_MS + number * HOUR_MS
    return Market(f"hour-{number}", f"0x{number}", "1", "2", 100, 5_000_000, open_ms, open_ms + HOUR_MS, "v2", False)


class Catalogue:
    """Lists what has not closed of `markets`, once the clock has passed `listed_from_ms` of each; raises `error` if it is set."""

    def __init__(self, markets, clock) -> None:
        self.markets, self._clock = list(markets), clock
        self.listed_from_ms, self.error, self.asked, self.closed = {}, None, 0, False
        self.winners, self.asked_winner = {}, []
        self.shut, self.closed_slugs = set(), set()

    def windows(self, series_id, now_ms):
        self.asked += 1
        if self.error:
            raise self.error
        return self._listing(m for m in self.markets if m.close_ms > now_ms and self.listed_from_ms.get(m.slug, 0) <= now_ms)

    def by_slug(self, slug, now_ms):
        self.asked += 1
        return self._listing(m for m in self.markets if m.slug == slug)

    def by_condition_id(self, condition_id):
        self.asked += 1
        return self._listing(m for m in self.markets if m.condition_id == condition_id)

    def _listing(self, markets):
        found = list(markets)
        is_open = [m for m in found if m.slug not in self.shut | self.closed_slugs]
        return Listing(tuple(is_open), frozenset(m.condition_id for m in found) - {m.condition_id for m in is_open},
                       bool(found) and all(m.slug in self.closed_slugs for m in found))

    def winner(self, market):
        self.asked_winner.append(market.slug)
        return self.winners.get(market.slug)

    def close(self):
        self.closed = True


class Desk:
    def __init__(self, markets, clock=None, **settings) -> None:
        self.clock = clock or ManualClock(wall_start_ms=START_MS)
        self.listing, self.live, self.inbox = Catalogue(markets, self.clock), SnapshotCache("live"), ExecutorInbox()
        self.resolved = []
        self.feeds, self.finished, parked = (FeedOrders(), FeedOrders()), [], threading.Event()
        parked.set()
        self.role = MarketsRole(MarketSettings(**settings), self.listing, live=self.live, feeds=self.feeds, inbox=self.inbox,
                                clock=self.clock, on_finished=lambda: self.finished.append(self.clock.wall_ms()), parked=parked)
        self.role.on_start()

    def step(self, ms: int = 0) -> LiveMarket:
        self.clock.advance(ms=ms)
        self.role.do_work()
        return self.live.read()

    def run(self, until_ms: int, step_ms: int) -> None:
        while self.clock.wall_ms() < until_ms:
            self.step(step_ms)

    def changes(self):
        """What the executor was told since the last look: slugs, None for no window."""
        events = []
        while (letter := self.inbox.get(0)) is not None:
            if isinstance(letter, MarketChange):
                events.append(letter.market and letter.market.slug)
            else:
                self.resolved.append(letter)
        return events

    def close(self):
        for feed in self.feeds:
            feed.close()


@pytest.fixture
def desk_of():
    desks = []

    def make(markets, **settings):
        desks.append(Desk(markets, **settings))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def test_readers_find_an_empty_choice_before_the_first_answer(desk_of):
    assert desk_of([]).live.read() == LiveMarket(None, None)


def test_the_first_cycle_asks_and_tells_everybody(desk_of):
    desk = desk_of([window(0), window(1)])
    assert desk.step() == LiveMarket(window(0), window(1))
    assert [feed.take() for feed in desk.feeds] == [Subscription(window(0), (window(1),))] * 2
    assert desk.changes() == ["hour-0"]


def test_the_switch_happens_in_the_millisecond_of_the_close_and_nothing_is_asked_just_before(desk_of):
    desk = desk_of(window(n) for n in range(3))
    desk.step()
    desk.run(START_MS + HOUR_MS - 11_000, step_ms=1000)
    desk.clock.advance(ms=START_MS + HOUR_MS - 1 - desk.clock.wall_ms())
    asked = desk.listing.asked
    assert desk.step().now == window(0)
    assert desk.listing.asked == asked                           # for 11 s: an answer that takes its time would delay the switch
    assert desk.step(ms=1) == LiveMarket(window(1), window(2))


def test_a_hundred_rollovers_leave_out_no_window_and_repeat_none(desk_of):
    desk = desk_of(window(n) for n in range(103))
    desk.run(START_MS + 101 * HOUR_MS, step_ms=30_000)
    assert desk.changes() == [f"hour-{n}" for n in range(102)]
    assert desk.role.stats.switches == 102


def test_a_hundred_rollovers_with_missing_and_late_windows_go_on_after_each(desk_of):
    """Every seventh window does not exist, every fifth is listed ten minutes after its open."""
    markets = [window(n) for n in range(101) if n % 7]
    desk = desk_of(markets)
    desk.listing.listed_from_ms = {m.slug: m.open_ms + 600_000 for m in markets if int(m.slug[5:]) % 5 == 0}
    expected = []
    for number in range(100):
        late = number % 5 == 0 or number % 7 == 0
        expected += ([None] if late and expected and expected[-1] is not None else [])
        expected += ([f"hour-{number}"] if number % 7 else [])
    desk.run(START_MS + 100 * HOUR_MS - 30_000, step_ms=30_000)
    assert desk.changes() == expected


def test_a_late_window_is_taken_within_two_seconds_of_its_listing(desk_of):
    desk = desk_of([window(0)])
    desk.listing.listed_from_ms = {"hour-0": START_MS + 60_000}
    desk.run(START_MS + 60_000 - 250, step_ms=250)
    assert desk.live.read().now is None
    desk.run(START_MS + 62_000, step_ms=250)
    assert desk.live.read().now == window(0)


class SetBackClock(ManualClock):
    """Its wall clock can be set, as by NTP; the monotonic one goes on."""

    def set_wall(self, by_ms: int) -> None:
        self._offset_ms += by_ms


def test_a_wall_clock_that_is_set_back_across_a_switch_leaves_the_desk_flat_until_the_open_comes_again(desk_of):
    clock = SetBackClock(wall_start_ms=START_MS)
    desk = desk_of((window(n) for n in range(3)), clock=clock)
    desk.step()
    assert desk.step(ms=HOUR_MS + 5_000).now == window(1)
    clock.set_wall(-10_000)
    assert desk.step() == LiveMarket(None, window(1))
    assert desk.step(ms=5_000).now == window(1)
    assert desk.changes() == ["hour-0", "hour-1", None, "hour-1"]


def test_a_wall_clock_that_is_set_ahead_goes_straight_to_the_window_of_its_time(desk_of):
    clock = SetBackClock(wall_start_ms=START_MS)
    desk = desk_of((window(n) for n in range(4)), clock=clock)
    desk.step()
    clock.set_wall(2 * HOUR_MS)
    assert desk.step() == LiveMarket(window(2), window(3))
    assert desk.changes() == ["hour-0", "hour-2"]


def test_the_next_window_is_subscribed_ahead_without_a_switch(desk_of):
    desk = desk_of([window(0), window(1)])
    desk.listing.listed_from_ms = {"hour-1": START_MS + 1000}
    desk.step()
    desk.feeds[0].take()
    desk.step(ms=2000)
    assert desk.feeds[0].take() == Subscription(window(0), (window(1),))
    assert desk.changes() == ["hour-0"]


def test_the_end_of_the_last_known_window_clears_everything(desk_of):
    desk = desk_of([window(0)])
    desk.step()
    assert desk.step(ms=HOUR_MS) == LiveMarket(None, None)
    assert desk.feeds[1].take() == Subscription(None, ())
    assert desk.changes() == ["hour-0", None]


def test_a_window_that_the_venue_stops_listing_is_left_before_its_close(desk_of):
    desk = desk_of([window(0), window(1)])
    desk.step()
    desk.listing.markets.remove(window(0))
    desk.step(ms=10_000)
    assert desk.live.read().now == window(0)
    assert desk.step(ms=10_000) == LiveMarket(None, window(1))


@pytest.mark.parametrize("names", [{}, {"slug": "hour-0"}, {"condition_id": "0x0"}])
def test_a_window_that_is_said_to_take_no_orders_is_left_at_the_next_look_and_taken_again_when_it_does(desk_of, names):
    desk = desk_of([window(0), window(1)], **names)
    desk.step()
    desk.listing.shut = {"hour-0"}
    assert desk.step(ms=10_000).now is None
    desk.listing.shut = set()
    assert desk.step(ms=2_000).now == window(0)
    assert (desk.changes(), desk.finished) == (["hour-0", None, "hour-0"], [])


@pytest.mark.parametrize("names", [{"slug": "hour-0"}, {"condition_id": "0x0"}])
def test_one_event_that_was_closed_early_is_finished_at_the_next_look(desk_of, names):
    desk = desk_of([window(0), window(1)], **names)
    desk.step()
    desk.listing.closed_slugs = {"hour-0"}
    assert desk.step(ms=10_000) == LiveMarket(None, None)
    assert (desk.changes(), desk.finished) == (["hour-0", None], [START_MS + 10_000])


@pytest.mark.parametrize("names", [{"slug": "hour-0"}, {"condition_id": "0x0"}])
def test_one_event_that_closed_before_the_start_is_finished_at_once(desk_of, names):
    desk = desk_of([window(0)], **names)
    desk.listing.closed_slugs = {"hour-0"}
    desk.step()
    assert desk.finished == [START_MS]


def test_an_event_by_condition_id_is_traded_alone(desk_of):
    desk = desk_of([window(0), window(1)], condition_id="0x1")
    assert desk.step() == LiveMarket(None, window(1))
    assert desk.step(ms=HOUR_MS).now == window(1)
    desk.step(ms=HOUR_MS)
    assert (desk.changes(), len(desk.finished)) == (["hour-1", None], 1)


def test_a_changed_tick_is_published_without_a_switch_or_a_subscription(desk_of):
    desk = desk_of([window(0), window(1)])
    desk.step()
    desk.feeds[0].take()
    finer = window(0)._replace(tick_bp=10)
    desk.listing.markets[0] = finer
    assert desk.step(ms=10_000).now == finer
    assert (desk.feeds[0].take(), desk.changes()) == (None, ["hour-0"])


@pytest.mark.parametrize("error", [ConnectionLost("gamma timed out.", remedy="Wait."), WireError("no endDate.", remedy="Look.")])
def test_a_failed_question_is_counted_retried_and_changes_nothing(desk_of, error):
    desk = desk_of([window(0), window(1)])
    desk.step()
    desk.listing.error = error
    for _ in range(40):
        assert desk.step(ms=1000) == LiveMarket(window(0), window(1))
    assert desk.role.stats.failed == desk.role.stats.asked - 1 > 1


def test_the_window_still_switches_while_the_venue_does_not_answer(desk_of):
    desk = desk_of(window(n) for n in range(3))
    desk.step()
    desk.listing.error = ConnectionLost("gamma timed out.", remedy="Wait.")
    desk.run(START_MS + HOUR_MS, step_ms=5000)
    assert desk.live.read().now == window(1)


def test_a_refused_key_is_not_caught(desk_of):
    desk = desk_of([])
    desk.listing.error = AuthError("refused.", remedy="Check it.")
    with pytest.raises(AuthError):
        desk.step()


def test_a_missing_window_is_said_once_and_then_every_30_s(desk_of, caplog):
    desk = desk_of([])
    desk.run(START_MS + 59_000, step_ms=250)
    told = [r.getMessage() for r in caplog.records]
    assert desk.listing.asked == 30
    assert told == ["series 10114: no window is open, the desk stays flat; asked again every 2 s. "
                    "If this lasts, check it against the venue's page: market.series_id, slug, condition_id."] * 2


@pytest.mark.parametrize(("late", "absence"), [
    (0, "no window is open before hour-1, the desk stays flat"), (1, "the window after hour-0 is not listed yet"),
])
def test_what_is_missing_is_named_and_so_is_its_end(desk_of, caplog, late, absence):
    caplog.set_level(logging.INFO, "trader.markets.role")
    desk = desk_of([window(0), window(1)])
    desk.listing.listed_from_ms = {f"hour-{late}": START_MS + 5000}
    desk.run(START_MS + 20_000, step_ms=250)
    told = [r.getMessage() for r in caplog.records if r.getMessage().startswith("series")]
    assert [text.split(";")[0] for text in told] == [f"series 10114: {absence}", "series 10114: live and next window are known again"]


def test_an_outage_is_said_calmly_and_its_end_once(desk_of, caplog):
    caplog.set_level(logging.INFO, "trader.markets.role")
    desk = desk_of([window(0), window(1)])
    desk.listing.error = ConnectionLost("gamma timed out.", remedy="Wait.")
    desk.run(START_MS + 25_000, step_ms=250)
    desk.listing.error = None
    desk.run(START_MS + 60_000, step_ms=250)
    told = [r.getMessage() for r in caplog.records]
    assert next(text for text in told if "failed" in text).endswith("gamma timed out. Wait.")
    assert [sum(word in text for text in told) for word in ("failed", "answers again", "live window: hour-0")] == [1, 1, 1]


def test_it_declares_its_deadline_only_while_it_asks(desk_of):
    desk, declared = desk_of([window(0), window(1)]), []
    ask = desk.listing.windows
    desk.listing.windows = lambda series_id, now_ms: declared.append(desk.role.posture.now[::2]) or ask(series_id, now_ms)
    desk.step()
    assert declared == [("discovering", 11_000)]
    assert desk.role.posture.now[::2] == ("cycle", 250)


def test_an_event_by_slug_is_traded_and_then_finished_once(desk_of):
    desk = desk_of([window(0), window(1)], slug="hour-0")
    assert desk.step() == LiveMarket(window(0), None)
    desk.run(START_MS + HOUR_MS + 60_000, step_ms=10_000)
    assert desk.finished == [START_MS + HOUR_MS]
    assert desk.changes() == ["hour-0", None]


def test_nothing_is_asked_after_the_event_has_closed(desk_of):
    desk = desk_of([window(0)], slug="hour-0")
    desk.step()
    desk.step(ms=HOUR_MS)
    asked = desk.listing.asked
    desk.step(ms=60_000)
    assert desk.listing.asked == asked


def test_an_event_that_has_closed_already_is_finished_at_once(desk_of):
    desk = desk_of([window(-2)], slug="hour--2")
    desk.step()
    assert desk.finished == [START_MS]


def test_an_event_that_has_not_opened_is_waited_for(desk_of):
    desk = desk_of([window(1)], slug="hour-1")
    assert desk.step() == LiveMarket(None, window(1))
    assert desk.step(ms=HOUR_MS).now == window(1)
    assert desk.finished == []


def test_an_event_that_cannot_be_found_is_asked_for_again(desk_of):
    desk = desk_of([], slug="hour-0")
    desk.step()
    desk.listing.markets.append(window(0))
    assert desk.step(ms=2000).now == window(0)


def test_stopping_closes_the_discovery(desk_of):
    desk = desk_of([])
    desk.role.on_stop()
    assert desk.listing.closed


def test_a_window_that_closed_is_asked_for_its_outcome_until_there_is_one():
    desk = Desk([window(0), window(1), window(2)])
    desk.step()
    desk.run(window(0).close_ms + 500, 250)
    assert desk.listing.asked_winner == []
    desk.run(window(0).close_ms + 10_000, 250)
    assert set(desk.listing.asked_winner) == {"hour-0"} and 2 <= len(desk.listing.asked_winner) <= 4
    desk.listing.winners["hour-0"] = "1"
    desk.run(window(0).close_ms + 40_000, 250)
    desk.changes()
    assert desk.resolved == [MarketResolved("0x0", "1")]
    asked = len(desk.listing.asked_winner)
    desk.run(window(0).close_ms + 600_000, 1000)
    assert len(desk.listing.asked_winner) == asked
    desk.close()


def test_no_outcome_is_asked_for_just_before_a_switch():
    desk = Desk([window(0), window(1), window(2)])
    desk.step()
    desk.run(window(1).close_ms - 11_000, 1000)
    before = len(desk.listing.asked_winner)
    desk.run(window(1).close_ms - 250, 250)
    assert len(desk.listing.asked_winner) == before > 0
    desk.close()
