"""The live pre-flight of `trader check`: everything that a run needs of the venue, tried out before any money is at stake.

Runs on the command line's thread, top to bottom; what a check found out the later ones use. It signs in and reads. It places,
cancels and approves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import httpx

from trader.errors import AuthError, ConnectionLost, TraderError, VenueUnreachable
from trader.feeds.frames import CLOSE, TEXT, FrameReader
from trader.feeds.line import Connect, Line, Wait, open_line, wait_readable
from trader.markets.selection import listing_of
from trader.model.market import Market
from trader.model.units import MICRO
from trader.ops.check import FAILED, OK, SKIPPED, Check
from trader.runtime.clock import Clock
from trader.settings import Settings
from trader.venues.binance.market_stream import BinanceMarketStream
from trader.venues.binance.snapshot import BinanceSnapshot
from trader.venues.contract import BookDump, Pong, Quoted
from trader.venues.polymarket.account import Account, open_account
from trader.venues.polymarket.book_reader import PolymarketBookReader
from trader.venues.polymarket.contracts import exchange_of
from trader.venues.polymarket.discovery import GammaDiscovery
from trader.venues.polymarket.market_stream import PolymarketMarketStream
from trader.venues.polymarket.probe import KNOWN_VERSIONS, PolymarketProbe, id_problem
from trader.venues.polymarket.user_stream import PolymarketUserStream

DEADLINE_S = 5.0             # of each request
SNAPSHOT_MS = 10_000         # until a stream must have shown its first data
SKEW_LIMIT_S = 5             # signed requests carry our wall time
Found = TypeVar("Found")


class _Needs(Exception):
    """A check that has to know what another one did not find out."""


def _new_client() -> httpx.Client:
    return httpx.Client(timeout=DEADLINE_S)


class Preflight:
    """Owner: one thread. `new_client`, `connect` and `wait` are other ones in tests only."""

    def __init__(self, settings: Settings, clock: Clock, *, new_client: Callable[[], httpx.Client] = _new_client,
                 connect: Connect = open_line, wait: Wait = wait_readable) -> None:
        self._settings, self._clock, self._new_client = settings, clock, new_client
        self._connect, self._wait = connect, wait
        self._client = new_client()
        self._probe = PolymarketProbe(settings.polymarket.clob_url, self._client, clock)
        self._account: Account | None = None
        self._market: Market | None = None

    def checks(self) -> Iterator[Check]:
        """Each as soon as it is known."""
        with self._client:
            for what, check in self._steps():
                try:
                    yield check(what)
                except _Needs as needed:
                    yield Check(what, SKIPPED, f"needs {needed}")
                except TraderError as why:
                    yield Check(what, FAILED, why.problem, why.remedy, isinstance(why, AuthError))

    def _steps(self) -> Sequence[tuple[str, Callable[[str], Check]]]:
        return (
            ("clock", self._clock_skew), ("version", self._version), ("country", self._country), ("credentials", self._credentials),
            ("wallet", self._wallet), ("closed-only", self._closed_only), ("market", self._market_found), ("market ids", self._market_ids),
            ("collateral", self._collateral), ("tokens", self._tokens), ("market stream", self._market_stream),
            ("user stream", self._user_stream), ("reference", self._reference),
        )

    # --- the venue ---

    def _clock_skew(self, what: str) -> Check:
        """Half of the way there and back may lie before the moment that the venue told."""
        answered = self._probe.time()
        ahead_s = (self._clock.wall_ms() - answered.round_trip_ms // 2) // 1000 - answered.venue_s
        if abs(ahead_s) > SKEW_LIMIT_S:
            return Check(what, FAILED, f"this machine's clock is {ahead_s:+d} s off the venue's.", "Set it, by NTP for example.")
        return Check(what, OK, f"{ahead_s:+d} s to the venue's, which answered in {answered.round_trip_ms} ms")

    def _version(self, what: str) -> Check:
        version = self._probe.version()
        if version not in KNOWN_VERSIONS:
            return Check(what, FAILED, f"the venue's order book has version {version}; this trader signs for "
                         f"{', '.join(map(str, KNOWN_VERSIONS))}.", "Update trader before trading.")
        return Check(what, OK, f"version {version}, which is what this trader signs for")

    def _country(self, what: str) -> Check:
        country = self._probe.blocked_country()
        if country is None:
            return Check(what, SKIPPED, "polymarket.clob_url is not the venue's own, which alone can say")
        if country:
            return Check(what, FAILED, f"the venue may not be used from {country}.", "Run it where it may be used.")
        return Check(what, OK, "the venue may be used from here")

    # --- who we are ---

    def _credentials(self, what: str) -> Check:
        venue = self._settings.polymarket
        self._account = open_account(venue, venue.private_key.reveal(), self._clock, self._new_client())
        return Check(what, OK, "the configured API key is accepted" if venue.api_key else "the venue gave an API key for this wallet")

    def _wallet(self, what: str) -> Check:
        account = self._known(self._account, "credentials")
        kind = {0: "EOA", 1: "e-mail proxy", 2: "browser-wallet safe", 3: "deposit wallet"}[account.signature_type]
        if account.signature_type and account.funder.lower() == account.address.lower():
            return Check(what, FAILED, f"signature_type {account.signature_type} ({kind}), but polymarket.funder is the key's own address.",
                         "Copy the funder from your profile on polymarket.com, or set signature_type 0.")
        return Check(what, OK, f"{account.address} signs, {account.funder} pays, type {account.signature_type} ({kind})")

    def _closed_only(self, what: str) -> Check:
        if self._probe.closed_only(self._known(self._account, "credentials")):
            return Check(what, FAILED, "this account may only close positions.", "Ask the venue why; nothing can be quoted with it.")
        return Check(what, OK, "this account may open positions")

    # --- the market ---

    def _market_found(self, what: str) -> Check:
        venue, wanted = self._settings.polymarket, self._settings.market
        discovery, now_ms = GammaDiscovery(venue.gamma_url, self._client), self._clock.wall_ms()
        found = listing_of(wanted, discovery, now_ms).open
        if not found:
            return Check(what, FAILED, f"{wanted.wanted} has no market that takes orders now.",
                         "Check it on the venue's page: market.series_id, slug, condition_id.")
        self._market = found[0]
        return Check(what, OK, f"{found[0].slug} ({found[0].protocol}), and {len(found) - 1} after it")

    def _market_ids(self, what: str) -> Check:
        """Both books by REST: a wrong id has none."""
        market = self._known(self._market, "market")
        problem = id_problem(market)
        if problem:
            return Check(what, FAILED, f"{problem}.", "Update trader before trading this market.")
        reader = PolymarketBookReader(self._settings.polymarket.clob_url, self._client)
        dumps = [reader.read(token_id) for token_id in market.tokens]
        levels = " and ".join(str(len(dump.bids) + len(dump.asks)) for dump in dumps)
        return Check(what, OK, f"condition {market.condition_id[:10]}…, books of YES and NO with {levels} levels")

    # --- money ---

    def _collateral(self, what: str) -> Check:
        account, market = self._known(self._account, "credentials"), self._known(self._market, "market")
        held, contract = self._probe.collateral(account, market), exchange_of(account.chain_id, market.protocol, market.neg_risk)
        least_micro = self._settings.strategy.base_size * MICRO // 2         # one quote a side at even odds, half of it for each
        if held.allowance_micro is None or held.allowance_micro < max(1, min(held.balance_micro, least_micro)):
            return Check(what, FAILED, f"the exchange contract {contract} of {market.protocol} markets may not take the wallet's pUSD.",
                         "Approve it once on polymarket.com by trading a market of this kind there.")
        if held.balance_micro < least_micro:
            return Check(what, FAILED, f"{held.balance_micro / MICRO:,.2f} $, but a quote of strategy.base_size "
                         f"{self._settings.strategy.base_size} needs about {least_micro / MICRO:,.2f} $.",
                         "Deposit, lower strategy.base_size, or check signature_type and funder: a wrong pair shows 0 $.")
        return Check(what, OK, f"{held.balance_micro / MICRO:,.2f} $, and {contract} may take it")

    def _tokens(self, what: str) -> Check:
        """What was bought has to be sold again."""
        account, market = self._known(self._account, "credentials"), self._known(self._market, "market")
        held = [self._probe.tokens(account, market, token_id) for token_id in market.tokens]
        if not all(one.allowance_micro for one in held):
            return Check(what, FAILED, "the exchange contract may not take this market's tokens: nothing could be sold.",
                         "Approve it once on polymarket.com by selling in a market of this kind there.")
        yes, no = (one.balance_micro / MICRO for one in held)
        return Check(what, OK, f"{yes:g} YES and {no:g} NO held, and the exchange contract may take them")

    # --- streams ---

    def _market_stream(self, what: str) -> Check:
        market = self._known(self._market, "market")
        stream = PolymarketMarketStream(self._settings.polymarket.ws_url)
        missing = set(market.tokens)

        def is_whole(payload: bytes) -> bool:
            missing.difference_update(event.token_id for event in stream.decode(payload) if isinstance(event, BookDump))
            return not missing

        waited_ms = self._listen(stream.url, stream.hello(market.tokens), is_whole, "both books")
        return Check(what, OK, f"both books came {waited_ms} ms after dialling")

    def _user_stream(self, what: str) -> Check:
        account, market = self._known(self._account, "credentials"), self._known(self._market, "market")
        stream = PolymarketUserStream(self._settings.polymarket.ws_url, account.credentials)
        waited_ms = self._listen(stream.url, [*stream.hello([market]), stream.ping],
                                 lambda payload: any(isinstance(event, Pong) for event in stream.decode(payload)),
                                 "an answer: the venue hangs up on credentials that it does not know")
        return Check(what, OK, f"subscribed with our credentials, answered {waited_ms} ms after dialling")

    def _reference(self, what: str) -> Check:
        source = self._settings.binance
        if source.snapshot_url:
            return self._snapshot(what, BinanceSnapshot(source))
        stream = BinanceMarketStream(source.ws_url, source.symbol)
        waited_ms = self._listen(stream.url, (), lambda payload: isinstance(stream.decode(payload), Quoted), f"a price of {source.symbol}")
        return Check(what, OK, f"a price of {source.symbol} came {waited_ms} ms after dialling")

    def _snapshot(self, what: str, source: BinanceSnapshot) -> Check:
        try:
            answer = self._client.get(source.url)
            answer.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as why:
            raise VenueUnreachable(f"{source.url} is not reachable ({why}).", remedy="Check binance.snapshot_url.") from None
        snapshot = source.decode(answer.content)
        if snapshot.is_stale:
            return Check(what, FAILED, f"{source.url} calls itself stale.", "See to the program behind it.")
        return Check(what, OK, f"{source.url} told a price of {source.symbol} that is {snapshot.age_ms} ms old")

    def _listen(self, url: str, hello: Sequence[str], is_done: Callable[[bytes], bool], awaited: str) -> int:
        """Dials, says hello, reads until `is_done`; the milliseconds that took. Raises VenueUnreachable."""
        began_ns = self._clock.monotonic_ns()
        try:
            line = self._connect(url)
            try:
                for text in hello:
                    line.send(text)
                self._read_until(line, is_done, began_ns + SNAPSHOT_MS * 1_000_000)
            finally:
                line.close()
        except ConnectionLost as why:
            raise VenueUnreachable(f"{url.partition('?')[0]}: {why.problem.rstrip('.')}, while waiting for {awaited}.",
                                   remedy="Check the address in conf.yaml and that this machine reaches it.") from None
        return (self._clock.monotonic_ns() - began_ns) // 1_000_000

    def _read_until(self, line: Line, is_done: Callable[[bytes], bool], end_ns: int) -> None:
        reader = FrameReader()
        while (left_ms := (end_ns - self._clock.monotonic_ns()) // 1_000_000) > 0:
            for message in reader.feed(line.read()):
                if message.opcode == CLOSE:
                    raise ConnectionLost("closed by the other side", remedy="")
                if message.opcode == TEXT and is_done(message.payload):
                    return
            self._wait((line.fileno(),), left_ms)
        raise ConnectionLost(f"nothing came within {SNAPSHOT_MS // 1000} s", remedy="")

    @staticmethod
    def _known(found: Found | None, from_check: str) -> Found:
        if found is None:
            raise _Needs(from_check)
        return found
