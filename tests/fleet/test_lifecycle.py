from __future__ import annotations

import pytest

from trader.errors import ConnectionLost
from trader.fleet.letters import Discovered, ScanDone
from trader.fleet.lifecycle import Lifecycle, query_of
from trader.fleet.settings import FleetSettings
from trader.model.units import MoneyMicro, PriceBp
from trader.runtime.role import CONNECTING_LIMIT_MS
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import ListedMarket

ENDS_MS = 10**15


def market(name: str, tags: tuple[str, ...] = ()) -> ListedMarket:
    return ListedMarket(name, (name + "y", name + "n"), PriceBp(100), ENDS_MS, name, "", tags, MoneyMicro(0))


class FakeCatalogue:
    """Pages as scripted; an error among them is raised where it stands."""

    def __init__(self, *pages) -> None:
        self.script, self.events, self.asked, self.closed = list(pages), {}, [], False

    def pages(self, query):
        for page in self.script:
            if isinstance(page, Exception):
                raise page
            yield page

    def event(self, slug):
        self.asked.append(slug)
        return self.events.get(slug, [])

    def close(self):
        self.closed = True


class Bench:
    def __init__(self, catalogue: FakeCatalogue, **options) -> None:
        self.catalogue, self.letters, self.clock = catalogue, [], ManualClock()
        self.role = Lifecycle(FleetSettings(**options), catalogue, self.letters.append, self.clock)

    def list_all(self) -> None:
        """Reads one listing to its end, or to its failure."""
        before = self.role.scans + self.role.failures
        while self.role.scans + self.role.failures == before:
            self.role.do_work()

    def discovered(self) -> list[str]:
        return [one.slug for letter in self.letters if isinstance(letter, Discovered) for one in letter.markets]


GONE = ConnectionLost("no answer", remedy="None.")


def test_each_page_is_handed_on_at_once_and_an_empty_page_is_not_the_last():
    bench = Bench(FakeCatalogue([market("a")], [], [market("b")]))
    bench.list_all()
    assert bench.letters == [Discovered((market("a"),)), Discovered((market("b"),)), ScanDone(frozenset("ab"), 0)]


def test_a_listing_that_broke_off_tells_nothing_of_what_is_missing():
    bench = Bench(FakeCatalogue([market("a")], GONE))
    bench.list_all()
    assert bench.discovered() == ["a"] and not any(isinstance(letter, ScanDone) for letter in bench.letters)
    assert bench.role.failures == 1 and "no answer" in bench.role.trouble


def test_a_failed_listing_is_tried_again_soon_and_clears_its_trouble():
    bench = Bench(FakeCatalogue(GONE))
    bench.list_all()
    bench.catalogue.script = [[market("a")]]
    bench.clock.advance(ms=1000)
    bench.list_all()
    assert bench.role.scans == 1 and bench.role.trouble == ""


def test_a_page_is_a_cycle_of_its_own_so_that_a_stop_waits_for_no_whole_listing_and_events_neither():
    bench = Bench(FakeCatalogue([market("a")], [market("b")]))
    bench.catalogue.events["born"] = [market("c")]
    bench.role.born("born")
    bench.role.do_work()
    assert bench.discovered() == ["a", "c"] and bench.role.scans == 0


def test_a_name_that_is_not_resolved_for_long_is_no_hang():
    limits = []
    bench = Bench(FakeCatalogue())
    bench.catalogue.pages = lambda query: (limits.append(bench.role.posture.now.limit_ms) for _ in range(1))
    bench.role.do_work()
    assert limits[0] > CONNECTING_LIMIT_MS


def test_a_listing_in_which_nothing_fits_is_told_once(caplog):
    bench = Bench(FakeCatalogue([]), discovery_s=1.0)
    for _ in range(3):
        bench.list_all()
        bench.clock.advance(ms=1_000)
    assert [record.message for record in caplog.records if "no market of the listing fits" in record.message] == [
        "lifecycle: no market of the listing fits; check fleet.tags, series, min_volume and ends_within_h"]


def test_the_next_listing_follows_after_the_interval_and_not_before():
    bench = Bench(FakeCatalogue([market("a")]), discovery_s=60.0)
    bench.list_all()
    bench.clock.advance(ms=59_999)
    bench.role.born("nothing")
    bench.role.do_work()
    assert bench.role.scans == 1
    bench.clock.advance(ms=1)
    bench.list_all()
    assert bench.role.scans == 2


def test_an_event_that_the_stream_tells_of_is_looked_up_once_however_many_connections_tell_it():
    bench = Bench(FakeCatalogue([]))
    bench.list_all()
    bench.catalogue.events["born"] = [market("c")]
    for _ in range(3):
        bench.role.born("born")
    for _ in range(3):
        bench.role.do_work()
    assert bench.catalogue.asked == ["born"] and bench.discovered() == ["c"]


def test_an_event_that_does_not_fit_is_left_alone():
    bench = Bench(FakeCatalogue([]), tags="crypto, sports")
    bench.list_all()
    bench.catalogue.events["born"] = [market("c", tags=("politics",)), market("d", tags=("sports",))]
    bench.role.born("born")
    bench.role.do_work()
    assert bench.discovered() == ["d"]


def test_without_lifecycle_there_is_one_listing():
    bench = Bench(FakeCatalogue([market("a")]), enable_lifecycle=False)
    bench.list_all()
    bench.clock.advance(ms=10**9)
    bench.role.born("born")
    bench.role.do_work()
    assert bench.role.scans == 1 and bench.catalogue.asked == []


def test_the_catalogue_is_closed_with_the_role():
    bench = Bench(FakeCatalogue())
    bench.role.on_stop()
    assert bench.catalogue.closed


@pytest.mark.parametrize(("options", "fits"), [
    ({}, True), ({"tags": "a"}, True), ({"tags": "b"}, False), ({"series": "s"}, False), ({"min_volume": 0.5}, False),
    ({"ends_within_h": 1.0}, False),
])
def test_filters(options, fits):
    query = query_of(FleetSettings(**options), 1)
    assert query.fits(market("m", tags=("a",))) is fits


def test_a_market_that_has_ended_never_fits():
    assert not query_of(FleetSettings(), ENDS_MS + 1).fits(market("m"))
