"""An exchange before a kill and after it, without processes: whatever happened, the replayed one is the same."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import ConfigError
from trader.exchange.contracts import EXCHANGE_V2
from trader.exchange.credentials import KeyRing
from trader.exchange.faults import FaultBoard
from trader.exchange.history import History, Identity
from trader.exchange.memory import Memory, capture
from trader.exchange.orders import NewOrder, OrderType, Outcome, Side
from trader.exchange.refusal import Refusal
from trader.exchange.venue import Venue
from trader.exchange.windows import Series
from trader.model.units import MICRO
from trader.testing.manual_clock import ManualClock

IDENTITY = Identity(1_795_000_000_000, 7, 72.0, "v1", 1_000)
LIFE = [0, [11.0, [3, [1], None]], [], []]
NAMES = ("ann", "bob")


class Life:
    """One life of an exchange with two markets, up to its kill."""

    def __init__(self, path: Path, clock: ManualClock, long_log_bytes=2**20) -> None:
        self.history = History(path, IDENTITY, lambda: None, long_log_bytes=long_log_bytes)
        self.keys = KeyRing(7, self.history.record)
        self.faults = FaultBoard(clock)
        self.venue = Venue(clock, lambda event: None, settle_ms=1_000, cash_micro=500 * MICRO, faults=self.faults,
                           record=self.history.record)
        series = Series(seed=7, origin_ms=IDENTITY.origin_ms, speed=72, protocol="v1")
        with self.venue.engine() as (engine, _):
            self.memory = Memory(engine, self.venue.heartbeats, self.venue.wallets, self.keys, series)
        self.life = self.history.replay(self.memory)
        self.specs = [series.window(number, 0).spec for number in range(2)]
        for number, spec in enumerate(self.specs):
            self.venue.list_market(spec, number)
        for name in NAMES:
            self.venue.open_account(name)
        self.history.begin(self.memory, LIFE)

    def everything(self):
        """All that could be told from outside, as the snapshot that would be written now."""
        return sorted(map(repr, capture(self.memory).rows()))

    def compact(self):
        self.history.compact_if_long(self.memory, lambda: LIFE, self.venue.engine)

    def kill(self):
        self.history.close()


orders = st.tuples(st.just("place"), st.sampled_from(NAMES), st.integers(0, 1), st.sampled_from(Outcome), st.sampled_from(Side),
                   st.integers(40, 60), st.integers(5, 30), st.sampled_from(OrderType))
moves = st.one_of(
    orders, orders, orders,
    st.tuples(st.just("cancel"), st.sampled_from(NAMES)),
    st.tuples(st.just("pass"), st.sampled_from([100, 700, 1_000, 1_500, 10_000])),
    st.tuples(st.just("fault"), st.sampled_from(["retrying", "failed"])),
    st.tuples(st.just("resolve"), st.integers(0, 1), st.sampled_from(Outcome)),
    st.tuples(st.just("tick"), st.integers(0, 1), st.sampled_from([10, 100])),
    st.tuples(st.just("beat"), st.sampled_from(NAMES)),
    st.tuples(st.just("bind"), st.sampled_from(NAMES)),
    st.tuples(st.just("permit"), st.sampled_from(NAMES), st.integers(0, 20), st.booleans()),
    st.tuples(st.just("key"), st.integers(0, 3)),
    st.tuples(st.just("compact")),
    st.tuples(st.just("kill")),
)


class Play:
    def __init__(self, path):
        self.path, self.clock, self.numbers = path, ManualClock(), itertools.count(1)
        self.now = Life(path, self.clock, long_log_bytes=0)

    def do(self, name, *details):
        getattr(self, name)(*details)

    def place(self, account, market, outcome, side, cents, size, order_type):
        new = NewOrder(f"0x{next(self.numbers):x}", account, f"key-{account}", f"0x{account}", self.now.specs[market], outcome, side,
                       cents * 100, size * MICRO, order_type, expires_ms=self.clock.wall_ms() + 180_000)
        with contextlib.suppress(Refusal):
            self.now.venue.place(new)

    def cancel(self, account):
        self.now.venue.cancel_where(account)

    def fault(self, kind):
        self.now.faults.add({"kind": kind})

    def resolve(self, market, winner):
        self.now.venue.close_market(self.now.specs[market].condition_id)
        self.now.venue.resolve_market(self.now.specs[market].condition_id, winner)

    def tick(self, market, tick_bp):
        self.now.venue.change_tick(self.now.specs[market].condition_id, tick_bp)

    def beat(self, account):
        with contextlib.suppress(Refusal):
            self.now.venue.beat(account, "")

    def bind(self, account):
        self.now.venue.bind_wallet("0xwallet", account, 3)

    def permit(self, account, dollars, closed_only):
        def change(permits):
            permits.allow_cash(EXCHANGE_V2, dollars * MICRO)
            permits.closed_only = closed_only
        self.now.venue.permit(account, change)

    def key(self, nonce):
        with contextlib.suppress(Refusal):
            self.now.keys.create("0xann", nonce)

    def compact(self):
        self.now.compact()

    def kill(self):
        before = self.now.everything()
        self.now.kill()
        self.now = Life(self.path, self.clock)
        assert self.now.everything() == before

    def __getattr__(self, name):
        assert name == "pass"
        return self.passes

    def passes(self, ms):
        self.clock.advance(ms=ms)
        self.now.venue.run_deadlines()


@settings(max_examples=60, deadline=None)
@given(st.lists(moves, max_size=60))
def test_whatever_happened_is_there_again_after_a_kill(tmp_path_factory, script):
    play = Play(tmp_path_factory.mktemp("life") / "state")
    for move in script:
        play.do(*move)
        with play.now.venue.engine() as (engine, _):
            assert engine.conserved()
    play.kill()
    play.now.kill()


def test_an_order_keeps_its_place_in_the_queue(tmp_path):
    play = Play(tmp_path / "state")
    for account in ("bob", "ann", "bob"):
        play.place(account, 0, Outcome.YES, Side.BUY, 50, 10, OrderType.GTC)
    play.kill()
    play.place("ann", 0, Outcome.NO, Side.BUY, 50, 10, OrderType.FAK)
    trade, = play.now.venue.trades()
    assert [leg.order_id for leg in trade.legs] == ["0x1"]
    play.now.kill()


def test_silence_during_the_outage_is_forgiven_and_starts_again(tmp_path):
    play = Play(tmp_path / "state")
    play.place("ann", 0, Outcome.YES, Side.BUY, 50, 10, OrderType.GTC)
    play.now.venue.beat("key-ann", "")
    play.now.kill()
    play.clock.advance(ms=60_000)
    play.now = Life(play.path, play.clock)
    play.now.venue.resume()
    play.passes(9_999)
    assert len(play.now.venue.open_orders("ann")) == 1
    play.passes(1)
    assert play.now.venue.open_orders("ann") == []
    play.now.kill()


def test_a_key_that_fell_silent_stays_disarmed(tmp_path):
    play = Play(tmp_path / "state")
    play.now.venue.beat("key-ann", "")
    play.passes(10_000)
    play.kill()
    assert play.now.venue.heartbeats.beats() == []
    play.now.kill()


def test_a_row_that_cannot_be_applied_is_named(tmp_path):
    life = Life(tmp_path / "state", ManualClock())
    life.history.record("place", 1, ["nonsense"], [])
    life.kill()
    with pytest.raises(ConfigError, match=r"\['place'\]\) cannot be applied"):
        Life(tmp_path / "state", ManualClock())


def test_another_speed_is_refused_by_naming_both(tmp_path):
    Life(tmp_path / "state", ManualClock()).kill()
    with pytest.raises(ConfigError, match=r"with --speed 72\.0, was started with 6\.0"):
        History(tmp_path / "state", IDENTITY._replace(speed=6.0), lambda: None)


def test_a_disk_that_takes_no_more_ends_the_exchange(tmp_path):
    """/dev/full answers every write with "no space left"."""
    broken = []
    life = Life(tmp_path / "state", ManualClock())
    full = History(tmp_path / "full", IDENTITY, lambda: broken.append(True))
    (tmp_path / "full.1.log").symlink_to("/dev/full")
    full.begin(life.memory, LIFE)
    with pytest.raises(OSError, match="No space left"):
        full.record("beat", "key", "id", 1)
    assert broken == [True]
    full.close()
    life.kill()
