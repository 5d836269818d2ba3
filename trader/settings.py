"""conf.yaml as one frozen value, and which of its settings cannot go together. Pure: no I/O, no clock.

`config.py` builds it once at start, on the thread that starts the program; every other module reads its own section.
The sections stand in the order of the data flow. Each folder declares its own (`<folder>/settings.py`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from ipaddress import ip_address
from typing import Any, NamedTuple, get_type_hints

from trader.errors import ConfigError
from trader.exchange.settings import ExchangeSettings
from trader.executor.settings import ExecutorSettings
from trader.feeds.settings import FeedSettings
from trader.fleet.settings import FleetSettings
from trader.gateway.settings import GatewaySettings
from trader.journal.settings import JournalSettings
from trader.markets.settings import MarketSettings
from trader.model.setting import Limits, Secret, limits_of, setting
from trader.ops.logs import levels_in
from trader.ops.otel import target_of
from trader.ops.settings import OpsSettings
from trader.runtime.settings import RuntimeSettings, cores_of
from trader.strategy.base import strategy_named
from trader.strategy.settings import StrategySettings
from trader.venues.binance.settings import BinanceSettings
from trader.venues.polymarket.settings import PolymarketSettings


@dataclass(frozen=True)
class Settings:
    mode: str = setting("embedded", "embedded: against an exchange that is started on this machine; no keys, no network, play money. "
                        "live: against the venue, with real money.", choices=("embedded", "live"))
    market: MarketSettings = field(default_factory=MarketSettings)
    polymarket: PolymarketSettings = field(default_factory=PolymarketSettings)
    binance: BinanceSettings = field(default_factory=BinanceSettings)
    feeds: FeedSettings = field(default_factory=FeedSettings)
    strategy: StrategySettings = field(default_factory=StrategySettings)
    executor: ExecutorSettings = field(default_factory=ExecutorSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    ops: OpsSettings = field(default_factory=OpsSettings)
    fleet: FleetSettings = field(default_factory=FleetSettings)
    exchange: ExchangeSettings = field(default_factory=ExchangeSettings)


class Declaration(NamedTuple):
    """One key of conf.yaml. `path` is "section.key", or "key" at the top level."""

    path: str
    kind: type              # bool, int, float, str or Secret
    default: Any
    limits: Limits


def declarations() -> dict[str, Declaration]:
    """Every key by its path, in the order of the file."""
    return {declared.path: declared for declared in _declared_in(Settings, "")}


def secrets_in(settings: Settings) -> tuple[Secret, ...]:
    """Every secret that these settings hold."""
    found = (getattr(section, one.name) for name in sections() for section in [getattr(settings, name)] for one in fields(section))
    return tuple(value for value in found if isinstance(value, Secret) and value)


def sections() -> dict[str, type]:
    """Every section of conf.yaml and the class that declares it, in the order of the file."""
    kinds: dict[str, type] = get_type_hints(Settings)
    return {name: kind for name, kind in kinds.items() if is_dataclass(kind)}


def _declared_in(settings_class: type, prefix: str) -> Iterator[Declaration]:
    kinds = get_type_hints(settings_class)
    for one in fields(settings_class):
        if is_dataclass(kinds[one.name]):
            yield from _declared_in(kinds[one.name], f"{one.name}.")
        else:
            yield Declaration(prefix + one.name, kinds[one.name], one.default, limits_of(one))


def require_same_but_strategy(mine: Settings, wanted: Settings) -> None:
    """Of a desk that runs only the strategy's section can change. Raises ConfigError."""
    differ = [one.name for one in fields(mine) if one.name != "strategy" and getattr(mine, one.name) != getattr(wanted, one.name)]
    if differ:
        raise ConfigError(f"only strategy: can change while the trader runs; these differ too: {', '.join(differ)}.",
                          remedy="Undo that, or restart to apply it.")


# --- what cannot go together ------------------------------------------------------------------------------------------


class Contradiction(NamedTuple):
    """`paths` are the keys involved, the one to change first. `text` never contains a secret."""

    paths: tuple[str, ...]
    text: str


def contradictions(settings: Settings) -> list[Contradiction]:
    """Everything that each key alone cannot show. Settings that have none are ready to trade with."""
    return [found for rule in _RULES if (found := rule(settings)) is not None]


def _live_needs_a_key(s: Settings) -> Contradiction | None:
    if s.mode != "live" or s.fleet.alone or s.polymarket.private_key or s.polymarket.private_key_file:
        return None
    return Contradiction(("mode", "polymarket.private_key", "polymarket.private_key_file"),
                         "live needs the key of a wallet. Give it in one of three ways: the environment variable PM_PRIVATE_KEY, "
                         "the file named by polymarket.private_key_file, or polymarket.private_key.")


def _one_source_of_the_key(s: Settings) -> Contradiction | None:
    if not (s.polymarket.private_key and s.polymarket.private_key_file):
        return None
    return Contradiction(("polymarket.private_key_file", "polymarket.private_key"),
                         "there is a private_key too (in the file or in PM_PRIVATE_KEY); it is unclear which one counts. Remove one.")


def _key_is_hex(s: Settings) -> Contradiction | None:
    text = s.polymarket.private_key.reveal()
    if not text or is_private_key(text):
        return None
    return Contradiction(("polymarket.private_key",),
                         f"must be 0x and 64 hex digits, was {len(text)} characters of another form (not shown: it is a secret).")


def _all_or_no_api_credentials(s: Settings) -> Contradiction | None:
    names = ("api_key", "api_secret", "passphrase")
    missing = [name for name in names if not getattr(s.polymarket, name)]
    if len(missing) in (0, len(names)):
        return None
    given = next(f"polymarket.{name}" for name in names if name not in missing)
    return Contradiction((given, *(f"polymarket.{name}" for name in missing)),
                         f"{' and '.join(missing)} must be given too. Give all three credentials, or none: they are derived then.")


def _proxy_wallets_need_a_funder(s: Settings) -> Contradiction | None:
    if s.polymarket.signature_type == 0 or s.polymarket.funder:
        return None
    return Contradiction(("polymarket.signature_type", "polymarket.funder"),
                         f"{s.polymarket.signature_type} needs polymarket.funder, the address that holds the funds. "
                         "Copy it from the profile page of the venue.")


def _funder_is_an_address(s: Settings) -> Contradiction | None:
    if not s.polymarket.funder or re.fullmatch(r"0x[0-9a-fA-F]{40}", s.polymarket.funder):
        return None
    return Contradiction(("polymarket.funder",), "must be 0x and 40 hex digits. Copy it from the profile page of the venue.")


def _stop_within_reduce(s: Settings) -> Contradiction | None:
    return _in_order("strategy.stop_fraction", s.strategy.stop_fraction, "strategy.reduce_fraction", s.strategy.reduce_fraction)


def _reduce_within_small_size(s: Settings) -> Contradiction | None:
    return _in_order("strategy.reduce_fraction", s.strategy.reduce_fraction,
                     "strategy.small_size_fraction", s.strategy.small_size_fraction)


def _floor_below_prior(s: Settings) -> Contradiction | None:
    return _in_order("strategy.volatility_floor_bp", s.strategy.volatility_floor_bp,
                     "strategy.volatility_prior_bp", s.strategy.volatility_prior_bp)


def _quotes_fit_the_position(s: Settings) -> Contradiction | None:
    return _in_order("strategy.base_size", s.strategy.base_size, "executor.max_position", s.executor.max_position)


def _position_fits_the_cap(s: Settings) -> Contradiction | None:
    return _in_order("executor.max_position", s.executor.max_position, "executor.gross_cap", s.executor.gross_cap)


def _waits_in_order(s: Settings) -> Contradiction | None:
    return _in_order("feeds.reconnect_min_s", s.feeds.reconnect_min_s, "feeds.reconnect_max_s", s.feeds.reconnect_max_s)


def _strategy_is_known(s: Settings) -> Contradiction | None:
    """Builds it once: a name, a module or a parameter that is wrong shows when the file is checked, not when it is traded."""
    try:
        strategy_named(s.strategy)
    except ConfigError as why:
        given = "strategy.params" if why.problem.startswith("strategy.params") else "strategy.name"
        return Contradiction((given, "strategy.name", "strategy.params_file"), f"{why.problem.removeprefix(f'{given}: ')} {why.remedy}")
    return None


def _log_levels_are_known(s: Settings) -> Contradiction | None:
    try:
        levels_in(s.ops.log_levels)
    except ConfigError as why:
        return Contradiction(("ops.log_levels",), f"{why.problem.removeprefix('ops.log_levels.')} {why.remedy}")
    return None


def _alert_command_is_words(s: Settings) -> Contradiction | None:
    try:
        shlex.split(s.ops.alert_command)
    except ValueError as why:
        return Contradiction(("ops.alert_command",), f"cannot be split into words ({why}). Close the quotation.")
    return None


def _metrics_can_be_pushed(s: Settings) -> Contradiction | None:
    try:
        if s.ops.otel_endpoint:
            target_of(s.ops)
    except ConfigError as why:
        return Contradiction((why.problem.split()[0], "ops.otel_endpoint"), str(why))
    return None


def _target_within_most(s: Settings) -> Contradiction | None:
    return _in_order("fleet.target_assets", s.fleet.target_assets, "fleet.max_assets", s.fleet.max_assets)


def _alone_is_a_fleet(s: Settings) -> Contradiction | None:
    if s.fleet.enabled or not s.fleet.alone:
        return None
    return Contradiction(("fleet.alone", "fleet.enabled"), "was true, but fleet.enabled is false: nothing would run. Set that to true.")


def _one_name_of_the_market(s: Settings) -> Contradiction | None:
    if not (s.market.slug and s.market.condition_id):
        return None
    return Contradiction(("market.condition_id", "market.slug"), "there is market.slug too; it is unclear which one counts. Remove one.")


def _slug_is_one(s: Settings) -> Contradiction | None:
    """It becomes part of an address; what people paste is the whole one."""
    if re.fullmatch(r"[a-z0-9-]*", s.market.slug):
        return None
    return Contradiction(("market.slug",), f"was {s.market.slug[:80]!r}, must be the last part of the market's address at the venue: "
                         "lower-case letters, digits and hyphens, as in bitcoin-up-or-down-november-21-2026-3pm-et.")


def _condition_id_is_one(s: Settings) -> Contradiction | None:
    if re.fullmatch(r"(0x[0-9a-fA-F]{62}([0-9a-fA-F]{2})?)?", s.market.condition_id):
        return None
    return Contradiction(("market.condition_id",), f"was {s.market.condition_id[:80]!r}, must be 0x and 64 hex digits (62, as Gamma may "
                         "write it, will do).")


def _two_ports(s: Settings) -> Contradiction | None:
    if s.exchange.port == 0 or s.exchange.port != s.exchange.ws_port:
        return None
    return Contradiction(("exchange.ws_port", "exchange.port"),
                         f"was {s.exchange.ws_port}, must differ from exchange.port: two servers cannot share one port.")


def _cores_are_a_list(s: Settings) -> Contradiction | None:
    try:
        if s.runtime.cpus:
            cores_of(s.runtime.cpus)
    except ValueError as why:
        return Contradiction(("runtime.cpus",), f"{why}. Write 2,3 or 2-5; leave it empty to pin nothing.")
    return None


def _status_beyond_loopback_needs_a_token(s: Settings) -> Contradiction | None:
    try:
        is_loopback = ip_address(s.ops.status_bind).is_loopback
    except ValueError:
        return Contradiction(("ops.status_bind",), f"was {s.ops.status_bind[:40]!r}, must be an IP address, as 127.0.0.1, ::1 or 0.0.0.0.")
    if is_loopback or s.ops.status_token or s.ops.status_port < 0:
        return None
    return Contradiction(("ops.status_bind", "ops.status_token"),
                         f"{s.ops.status_bind} lets other machines read what this trader does; that needs ops.status_token. "
                         "Set one (the environment variable STATUS_TOKEN), or bind to 127.0.0.1.")


def _status_token_is_long(s: Settings) -> Contradiction | None:
    text = s.ops.status_token.reveal()
    if not text or re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,512}", text):
        return None
    return Contradiction(("ops.status_token",), f"must be 16 to 512 of A-Z a-z 0-9 . _ ~ + / = -, was {len(text)} characters "
                         "(not shown: it is a secret). `openssl rand -hex 24` makes one.")


def _in_order(low_path: str, low: float, high_path: str, high: float) -> Contradiction | None:
    if low <= high:
        return None
    return Contradiction((low_path, high_path), f"was {low:.12g}, must be at most {high_path}, which is {high:.12g}.")


def is_private_key(text: str) -> bool:
    return re.fullmatch(r"0x[0-9a-fA-F]{64}", text) is not None


_RULES: tuple[Callable[[Settings], Contradiction | None], ...] = (
    _live_needs_a_key,
    _one_source_of_the_key,
    _key_is_hex,
    _all_or_no_api_credentials,
    _proxy_wallets_need_a_funder,
    _funder_is_an_address,
    _quotes_fit_the_position,
    _position_fits_the_cap,
    _stop_within_reduce,
    _reduce_within_small_size,
    _floor_below_prior,
    _waits_in_order,
    _metrics_can_be_pushed,
    _target_within_most,
    _alone_is_a_fleet,
    _one_name_of_the_market,
    _slug_is_one,
    _condition_id_is_one,
    _two_ports,
    _cores_are_a_list,
    _log_levels_are_known,
    _alert_command_is_words,
    _status_beyond_loopback_needs_a_token,
    _status_token_is_long,
    _strategy_is_known,
)
