from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trader.fleet.registry import Registry, Status
from trader.model.units import MoneyMicro, PriceBp
from trader.venues.contract import ListedMarket

CONDITIONS = [f"0x{number:02x}" for number in range(8)]


def market(condition_id: str, *tokens: str, end_ms: int = 10) -> ListedMarket:
    pair = tokens or (condition_id + "-yes", condition_id + "-no")
    return ListedMarket(condition_id, (pair[0], pair[1]), PriceBp(100), end_ms, condition_id, "", (), MoneyMicro(0))


def with_one() -> Registry:
    registry = Registry()
    registry.add(market("0x01"), 5)
    return registry


def test_a_new_market_is_pending_and_nobodys():
    entry = with_one().get("0x01")
    assert entry is not None and (entry.status, entry.connection, entry.since_ns) == (Status.PENDING, None, 5)


def test_a_market_is_found_by_either_token():
    registry = with_one()
    assert registry.by_token("0x01-yes") == registry.by_token("0x01-no") == registry.get("0x01")
    assert registry.by_token("of nobody") is None


def test_a_listing_that_claims_a_known_token_is_refused():
    registry = with_one()
    assert not registry.add(market("0x02", "0x01-no", "new"), 6)
    assert registry.by_token("new") is None and registry.counts()["total_markets"] == 1


def test_proof_makes_it_subscribed_and_dates_it():
    registry = with_one()
    assert registry.prove("0x01", 7)
    entry = registry.get("0x01")
    assert entry is not None and (entry.status, entry.since_ns) == (Status.SUBSCRIBED, 7)


def test_what_has_ended_is_not_proved_any_more():
    registry = with_one()
    assert registry.expire("0x01", 7) and not registry.prove("0x01", 8) and not registry.expire("0x01", 9)
    entry = registry.get("0x01")
    assert entry is not None and entry.since_ns == 7


def test_a_pending_market_ends_too():
    assert with_one().expire("0x01", 9)


def test_a_removed_market_may_come_back():
    registry = with_one()
    registry.place("0x01", 3)
    registry.remove("0x01")
    assert registry.get("0x01") is None and registry.on_connection(3) == ()
    assert registry.add(market("0x01"), 11)


def test_a_market_is_on_one_connection():
    registry = with_one()
    registry.place("0x01", 3)
    registry.place("0x01", 4)
    assert (registry.on_connection(3), registry.on_connection(4)) == ((), ("0x01",))


class RegistryModel(RuleBasedStateMachine):
    """Any order of calls against plain dictionaries: every index tells the same story."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.status: dict[str, Status] = {}
        self.connection: dict[str, int | None] = {}

    @rule(one=st.sampled_from(CONDITIONS))
    def add(self, one: str) -> None:
        assert self.registry.add(market(one), 0) == (one not in self.status)
        self.status.setdefault(one, Status.PENDING)
        self.connection.setdefault(one, None)

    @rule(one=st.sampled_from(CONDITIONS), connection=st.one_of(st.none(), st.integers(1, 3)))
    def place(self, one: str, connection: int | None) -> None:
        if one in self.status:
            self.registry.place(one, connection)
            self.connection[one] = connection

    @rule(one=st.sampled_from(CONDITIONS))
    def prove(self, one: str) -> None:
        can = self.status.get(one) is Status.PENDING
        assert self.registry.prove(one, 0) == can
        if can:
            self.status[one] = Status.SUBSCRIBED

    @rule(one=st.sampled_from(CONDITIONS))
    def expire(self, one: str) -> None:
        can = self.status.get(one) in (Status.PENDING, Status.SUBSCRIBED)
        assert self.registry.expire(one, 0) == can
        if can:
            self.status[one] = Status.EXPIRED

    @rule(one=st.sampled_from(CONDITIONS))
    def remove(self, one: str) -> None:
        assert (self.registry.remove(one) is not None) == (one in self.status)
        self.status.pop(one, None)
        self.connection.pop(one, None)

    @invariant()
    def indices_agree(self) -> None:
        registry = self.registry
        assert {entry.market.condition_id: entry.status for entry in registry.entries()} == self.status
        for status in Status:
            assert set(registry.with_status(status)) == {one for one, now in self.status.items() if now is status}
        for connection in (1, 2, 3):
            assert set(registry.on_connection(connection)) == {one for one, on in self.connection.items() if on == connection}
        for one in CONDITIONS:
            entry = registry.get(one)
            assert registry.by_token(one + "-yes") == registry.by_token(one + "-no") == entry
            assert (entry.connection if entry else None) == self.connection.get(one)
        counts = registry.counts()
        assert counts["total_markets"] == len(self.status) == sum(counts[status.value] for status in Status)
        assert registry.active == counts["pending"] + counts["subscribed"]


RegistryModel.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_every_index_of_the_registry_tells_the_same_story = RegistryModel.TestCase
