"""Everything that can be wrong with conf.yaml is told at once, with its place, and never with a secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.config import Settings, load_config
from trader.errors import ConfigError
from trader.model.setting import Secret
from trader.settings import Declaration, contradictions, declarations, sections

KEY = "0x" + "ab" * 32
ADDRESS = "0x" + "cd" * 20

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads this text as conf.yaml, with an environment and overrides of its own."""
    def load_text(text: str | bytes = "", env: dict[str, str] | None = None, overrides: tuple[str, ...] = (),
                  mode: int = 0o600) -> Settings:
        path = tmp_path / "conf.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return load_config(path, env=env or {}, overrides=overrides)
    return load_text


def problems(load: Load, *args: object, **more: object) -> list[str]:
    """The lines of the one error, without file name and remedy."""
    with pytest.raises(ConfigError) as caught:
        load(*args, **more)
    return [line.strip() for line in caught.value.problem.splitlines()[1:]]


# --- what is right ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "# nothing", "strategy:\nfeeds:\n  # book_stale_ms: 700\n"])
def test_a_file_without_keys_gives_the_defaults(load: Load, text: str) -> None:
    assert load(text) == Settings()


def test_values_reach_the_section_that_declares_them(load: Load) -> None:
    loaded = load("strategy: {strategy_hz: 50, base_spread_cents: 1.5}\nmarket:\n  slug: a-b\n")
    assert (loaded.strategy.strategy_hz, loaded.strategy.base_spread_cents, loaded.market.slug) == (50, 1.5, "a-b")


def test_a_number_key_takes_a_whole_number(load: Load) -> None:
    assert load("strategy: {base_spread_cents: 3}").strategy.base_spread_cents == 3.0


def test_hex_that_yaml_takes_for_a_number_stays_text(load: Load) -> None:
    loaded = load(f"polymarket:\n  private_key: {KEY}\n  funder: {ADDRESS}\n")
    assert loaded.polymarket.private_key == Secret(KEY)
    assert loaded.polymarket.funder == ADDRESS


def test_the_closing_slash_of_an_address_is_dropped_because_paths_bring_their_own(load: Load) -> None:
    assert load("polymarket: {clob_url: 'http://127.0.0.1:8080/'}").polymarket.clob_url == "http://127.0.0.1:8080"


def test_the_environment_overrides_the_file_and_set_overrides_both(load: Load) -> None:
    text, env = "strategy: {strategy_hz: 10}", {"STRATEGY_HZ": "20"}
    assert load(text).strategy.strategy_hz == 10
    assert load(text, env).strategy.strategy_hz == 20
    assert load(text, env, ("strategy.strategy_hz=30",)).strategy.strategy_hz == 30


def test_a_variable_that_is_set_but_empty_counts_as_not_set(load: Load) -> None:
    assert load("strategy: {strategy_hz: 10}", {"STRATEGY_HZ": ""}).strategy.strategy_hz == 10


@pytest.mark.parametrize(("name", "path", "value"), [
    ("PM_MARKET_SLUG", "market.slug", "some-event"), ("PM_CONDITION_ID", "market.condition_id", "0x" + "ab" * 32),
    ("PM_FUNDER", "polymarket.funder", ADDRESS),
    ("PM_PRIVATE_KEY", "polymarket.private_key", KEY), ("PM_SIGNATURE_TYPE", "polymarket.signature_type", "0"),
    ("BINANCE_SNAPSHOT_URL", "binance.snapshot_url", "http://127.0.0.1:1"), ("STRATEGY_HZ", "strategy.strategy_hz", "33"),
    ("GROSS_CAP", "executor.gross_cap", "2000"), ("MAX_POSITION", "executor.max_position", "400"),
    ("LOG_LEVEL", "ops.log_level", "DEBUG"),
])
def test_each_environment_variable_sets_its_key(load: Load, name: str, path: str, value: str) -> None:
    section, key = path.split(".")
    loaded = getattr(getattr(load(env={name: value}), section), key)
    assert (loaded.reveal() if isinstance(loaded, Secret) else str(loaded)) == value


def test_the_three_api_credentials_come_from_the_environment(load: Load) -> None:
    polymarket = load(env={"PM_API_KEY": "k", "PM_API_SECRET": "s", "PM_PASSPHRASE": "p"}).polymarket
    assert (polymarket.api_key, polymarket.api_secret, polymarket.passphrase) == (Secret("k"), Secret("s"), Secret("p"))


def test_live_with_addresses_on_this_machine_is_allowed(load: Load) -> None:
    assert load("mode: live\npolymarket: {clob_url: 'http://127.0.0.1:1'}", {"PM_PRIVATE_KEY": KEY}).mode == "live"


# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "said"), [
    ("strategy:\n  strategy_hz: 0", "strategy.strategy_hz (line 2): was 0, must be 1-100 1/s."),
    ("strategy:\n  strategy_hz: 1.5", "strategy.strategy_hz (line 2): was '1.5', must be a whole number, 1-100 1/s."),
    ("strategy:\n  strategy_hz: true", "strategy.strategy_hz (line 2): was 'true', must be a whole number, 1-100 1/s."),
    ("strategy:\n  base_spread_cents: .nan", "strategy.base_spread_cents (line 2): was '.nan', must be a number, 0.1-45 ¢."),
    ("strategy:\n  base_spread_cents: 1/12", "strategy.base_spread_cents (line 2): was '1/12', must be a number, 0.1-45 ¢."),
    ("strategy:\n  base_size: [1]", "strategy.base_size (line 2): was a list, must be a single value."),
    ("strategy:\n  base_size:", "strategy.base_size (line 2): has no value. Give one, or remove the line to take the default."),
    ("strategy:\n  strategy_hs: 3", "strategy.strategy_hs (line 2): unknown key; did you mean 'strategy.strategy_hz'?"),
    ("strategy:\n  gross_cap: 3", "strategy.gross_cap (line 2): unknown key; did you mean 'executor.gross_cap'?"),
    ("strategy_hz: 3", "strategy_hz (line 1): unknown key; did you mean 'strategy.strategy_hz'?"),
    ("zzz: 3", "zzz (line 1): unknown key. docs/configuration.md lists all of them."),
    ("polymarkt:\n  chain_id: 1", "polymarkt (line 1): unknown section; did you mean 'polymarket'?"),
    ("feeds: 3", "feeds (line 1): was a single value, must be `key: value` lines, indented."),
    ("feeds:\n  on_stale: sell", "feeds.on_stale (line 2): was 'sell', must be one of cancel_all, pull."),
    ("mode: paper", "mode (line 1): was 'paper', must be one of embedded, live."),
    ("ops:\n  log_level: INFO\n  log_level: DEBUG", "ops.log_level (line 3): was given before, on line 2. Remove one."),
    ("feeds: {}\nops: {}\nfeeds: {}", "feeds (line 3): was given before, on line 1. Remove one."),
    ("- a\n- b", "the file (line 1): was a list, must be sections of `key: value` lines."),
    ("polymarket:\n  ws_url: https://x", "polymarket.ws_url (line 2): was 'https://x', must be an address that begins with wss:// or ws://."),
    ("polymarket:\n  clob_url: x.com", "polymarket.clob_url (line 2): was 'x.com', must be an address that begins with https:// or http://."),
])
def test_a_problem_names_its_place_what_was_and_what_must_be(load: Load, text: str, said: str) -> None:
    assert problems(load, text) == [said]


def test_every_problem_is_told_at_once_in_the_order_of_the_file(load: Load) -> None:
    text = "strategy:\n  strategy_hz: 0\nfeeds:\n  book_stale: 3\nmode: live\n"
    said = problems(load, text, {"GROSS_CAP": "x"}, ("ops.log=1",))
    assert [line.partition(":")[0] for line in said] == [
        "strategy.strategy_hz (line 2)", "feeds.book_stale (line 4)", "mode (line 5)", "ops.log (--set)",
        "executor.gross_cap (environment variable GROSS_CAP)",
    ]


def test_the_error_counts_the_problems_and_says_what_to_do(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has 1 problem:") as caught:
        load("a: 1")
    assert caught.value.remedy == f"Correct this and run `trader check {tmp_path / 'conf.yaml'}`."


def test_an_override_without_an_equals_sign_is_not_echoed_because_it_may_be_a_secret(load: Load) -> None:
    assert problems(load, "", {}, (KEY,)) == [
        "override 1 (--set): has no '='; must be section.key=value, as in strategy.base_size=50."]


def test_text_that_is_not_yaml_is_told_with_line_and_column(load: Load) -> None:
    with pytest.raises(ConfigError, match="is not YAML: line 2, column 2: expected ',' or ']'"):
        load("a: [1\nb: 2\n")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \x00", b"[" * 2000, b"a: 1\n---\nb: 2\n", b"? [a]\n: 1\n"])
def test_strange_files_are_config_errors_too(load: Load, content: bytes) -> None:
    with pytest.raises(ConfigError):
        load(content)


def test_a_tag_in_the_file_constructs_nothing(load: Load) -> None:
    assert load("strategy: !!python/object/apply:os.abort\n  strategy_hz: !!python/name:os.abort 30\n").strategy.strategy_hz == 30


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_named_with_the_way_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: .* cp conf.yaml.example conf.yaml"):
        load_config(tmp_path / name, env={})


# --- what cannot go together ------------------------------------------------------------------------------------------


CLASHES = [
    ("mode: live", "mode (line 1): live needs the key of a wallet."),
    ("polymarket: {private_key: '" + KEY + "', private_key_file: k}", "polymarket.private_key_file (line 1): there is a private_key"),
    ("polymarket: {private_key: 0x12}", "polymarket.private_key (line 1): must be 0x and 64 hex digits, was 4 characters"),
    ("polymarket: {api_key: a, passphrase: b}", "polymarket.api_key (line 1): api_secret must be given too."),
    ("polymarket: {signature_type: 2}", "polymarket.signature_type (line 1): 2 needs polymarket.funder"),
    ("polymarket: {funder: 0x12}", "polymarket.funder (line 1): must be 0x and 40 hex digits."),
    ("strategy: {base_size: 600}", "strategy.base_size (line 1): was 600, must be at most executor.max_position, which is 500."),
    ("executor: {max_position: 2000}", "executor.max_position (line 1): was 2000, must be at most executor.gross_cap, which is 1000."),
    ("executor: {gross_cap: 400}", "executor.max_position (default): was 500, must be at most executor.gross_cap, which is 400."),
    ("strategy: {stop_fraction: 0.02}", "strategy.stop_fraction (line 1): was 0.02, must be at most strategy.reduce_fraction"),
    ("strategy: {reduce_fraction: 0.2}", "strategy.reduce_fraction (line 1): was 0.2, must be at most strategy.small_size_fraction"),
    ("strategy: {volatility_floor_bp: 2}", "strategy.volatility_floor_bp (line 1): was 2, must be at most strategy.volatility_prior"),
    ("feeds: {reconnect_min_s: 9, reconnect_max_s: 8}", "feeds.reconnect_min_s (line 1): was 9, must be at most feeds.reconnect_max"),
    ("exchange: {port: 9000, ws_port: 9000}", "exchange.ws_port (line 1): was 9000, must differ from exchange.port"),
    ("ops: {log_levels: {feed: DEBUG}}", "ops.log_levels (line 1): feed: unknown component; did you mean 'feeds'?"),
    ("ops: {alert_command: 'mail -s \"x'}", "ops.alert_command (line 1): cannot be split into words"),
    ("ops: {status_bind: 0.0.0.0}", "ops.status_bind (line 1): 0.0.0.0 lets other machines read"),
    ("ops: {status_bind: localhost}", "ops.status_bind (line 1): was 'localhost', must be an IP address"),
    ("ops: {status_token: short}", "ops.status_token (line 1): must be 16 to 512 of"),
    ("ops: {status_token: 'with a space in it !'}", "ops.status_token (line 1): must be 16 to 512 of"),
]


@pytest.mark.parametrize(("text", "said"), CLASHES, ids=[said.partition(" ")[0] for _, said in CLASHES])
def test_settings_that_cannot_go_together_are_named(load: Load, text: str, said: str) -> None:
    [problem] = problems(load, text)
    assert problem.startswith(said)


def test_the_defaults_go_together() -> None:
    assert contradictions(Settings()) == []


def test_live_without_a_key_names_the_three_ways_to_give_it(load: Load) -> None:
    [said] = problems(load, "mode: live")
    assert all(way in said for way in ("PM_PRIVATE_KEY", "polymarket.private_key_file", "or polymarket.private_key."))


@pytest.mark.parametrize("text", ["status_bind: '::1'", "status_bind: 0.0.0.0, status_token: abcdefghijklmnop",
                                  "status_bind: 0.0.0.0, status_port: -1"])
def test_a_status_server_on_loopback_behind_a_token_or_switched_off_is_fine(load: Load, text: str) -> None:
    assert load(f"ops: {{{text}}}").ops.status_bind


def test_a_value_with_a_problem_of_its_own_is_not_compared(load: Load) -> None:
    assert len(problems(load, "strategy: {base_size: 600}\nexecutor: {max_position: x}")) == 1


# --- the strategy -----------------------------------------------------------------------------------------------------

BANDS = "{minMargin: 0.01, avgMargin: 0.01, maxMargin: 0.02, minAmount: 10, avgAmount: 20, maxAmount: 30}"


@pytest.mark.parametrize("text", ["strategy: {websocket_debounce_ms: 50}", "strategy: {debounce_ms: 50}"])
def test_the_debounce_time_has_two_names(load: Load, text: str) -> None:
    assert load(text).strategy.debounce_ms == 50
    assert load("", overrides=("strategy.websocket_debounce_ms=50",)).strategy.debounce_ms == 50


@pytest.mark.parametrize(("first", "second"), [("debounce_ms", "websocket_debounce_ms"), ("websocket_debounce_ms", "debounce_ms")])
def test_both_names_of_one_key_are_a_contradiction(load: Load, first: str, second: str) -> None:
    said = f"strategy.{second} (line 3): is another name of a key that was given on line 2. Remove one."
    assert problems(load, f"strategy:\n  {first}: 50\n  {second}: 50\n") == [said]


@pytest.mark.parametrize(("market", "said"), [
    ("{slug: a-b, condition_id: 0x" + "ab" * 32 + "}", "market.condition_id (line 1): there is market.slug too; it is unclear which one"),
    ("{condition_id: 0x12}", "market.condition_id (line 1): was '0x12', must be 0x and 64 hex digits"),
    ("{slug: https://polymarket.com/event/a-b}", "market.slug (line 1): was 'https://polymarket.com/event/a-b', must be the last part of"),
])
def test_a_market_has_one_name_and_it_looks_like_one(load: Load, market: str, said: str) -> None:
    [problem] = problems(load, f"market: {market}")
    assert problem.startswith(said)


def test_a_condition_id_may_be_written_as_gamma_writes_it(load: Load) -> None:
    assert load("market: {condition_id: '0x" + "ab" * 31 + "'}").market.wanted == "condition 0x" + "ab" * 31


def test_parameters_of_a_strategy_stand_below_params(load: Load) -> None:
    loaded = load(f"strategy:\n  name: bands\n  params:\n    bands:\n    - {BANDS}\n")
    assert loaded.strategy.params.startswith('{"bands":[{"minMargin":0.01,')


def test_parameters_may_come_from_a_json_file_beside_the_configuration(load: Load, tmp_path: Path) -> None:
    (tmp_path / "amm.json").write_text('{"p_min": 0.05, "p_max": 0.95, "spread": 0.01, "delta": 0.01, "depth": 0.1}')
    assert '"depth":0.1' in load("strategy: {name: amm, params_file: amm.json}").strategy.params


def test_a_strategy_of_ones_own_may_be_all_that_the_section_says(load: Load) -> None:
    [said] = problems(load, "strategy: no_such_module:Mine")
    assert said.startswith("strategy.name (line 1): no_such_module cannot be imported")


@pytest.mark.parametrize("params", [
    "{levels: 100000000000000000000}", "!!set {a, b}", "{a: !!binary aGVsbG8=}", "{? [1, 2] : 3}", "{a: !!python/object:os.system x}",
    "&a {levels: *a}", "{<<: 7}",
])
def test_what_no_parameter_can_be_is_refused_wherever_it_stands(load: Load, tmp_path: Path, params: str) -> None:
    [said] = problems(load, f"strategy:\n  params: {params}\n")
    assert said.startswith("strategy.params (line 2): holds something that is no plain text, number, list or mapping")
    (tmp_path / "mine.yaml").write_text(params)
    [said] = problems(load, "strategy: {params_file: mine.yaml}")
    assert said.startswith("strategy.params_file (line 1): mine.yaml holds something that is no plain text")


@pytest.mark.parametrize(("text", "said"), [
    ("strategy: {name: bandss}", "strategy.name (line 1): was 'bandss', must be one of two_sided"),
    ("strategy: {params: {levls: 2}}", "strategy.params (line 1): strategy.params.levls: unknown key; did you mean 'levels'?"),
    ("strategy: {params: [1]}", "strategy.params (line 1): was a list, must be `key: value` lines, indented."),
    ("strategy: {name: bands}", "strategy.params (default): strategy.params.bands: is missing."),
    ("strategy: {name: bands, params_file: absent.json}", "strategy.params_file (line 1): "),
    ("strategy: {params: {levels: 2}, params_file: a.json}", "strategy.params_file (line 1): there is strategy.params too"),
])
def test_what_is_wrong_with_a_strategy_is_told_when_the_file_is_read(load: Load, text: str, said: str) -> None:
    [problem] = problems(load, text)
    assert problem.startswith(said)


# --- secrets ----------------------------------------------------------------------------------------------------------


def key_file(tmp_path: Path, content: str, mode: int = 0o600) -> Path:
    path = tmp_path / "wallet.key"
    path.write_text(content)
    path.chmod(mode)
    return path


def test_the_key_file_is_read_so_that_everybody_else_finds_the_key_in_one_place(load: Load, tmp_path: Path) -> None:
    key_file(tmp_path, KEY + "\n")
    loaded = load("mode: live\npolymarket: {private_key_file: wallet.key}")       # relative: from the folder of conf.yaml
    assert loaded.polymarket.private_key == Secret(KEY)


@pytest.mark.parametrize(("content", "mode", "said"), [
    (KEY, 0o640, "may be read by others. Run `chmod 600"), ("ab" * 32, 0o600, "must hold 0x and 64 hex digits"),
    ("é", 0o600, "must hold 0x and 64 hex digits"), ("", 0o600, "must hold 0x and 64 hex digits"),
])
def test_a_key_file_that_is_open_or_holds_something_else_is_a_problem(load: Load, tmp_path: Path, content: str, mode: int,
                                                                      said: str) -> None:
    key_file(tmp_path, content, mode)
    [problem] = problems(load, "polymarket: {private_key_file: wallet.key}")
    assert problem.startswith("polymarket.private_key_file (line 1): ") and said in problem


@pytest.mark.parametrize("name", ["absent.key", "."])
def test_a_key_file_that_cannot_be_read_is_a_problem(load: Load, tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o700)
    assert "cannot be read" in problems(load, f"polymarket: {{private_key_file: {name}}}")[0]


def test_a_secret_in_a_file_that_others_may_read_is_a_problem(load: Load) -> None:
    [said] = problems(load, f"polymarket: {{private_key: {KEY}}}", mode=0o644)
    assert said.startswith("polymarket.private_key (line 1): a secret in a file that others may read. Run `chmod 600")


def test_a_file_without_secrets_may_be_read_by_everybody(load: Load) -> None:
    assert load("mode: embedded", {"PM_PRIVATE_KEY": KEY}, mode=0o644).polymarket.private_key == Secret(KEY)


SECRET = "5ec2e7" * 5


@pytest.mark.parametrize("text", [
    f"mode: live\npolymarket: {{private_key: {SECRET}}}", f"polymarket: {{private_key: [{SECRET}]}}",
    f"polymarket: {{api_key: {SECRET}}}",
    f"polymarket:\n  private_key: 'x\n  y: {SECRET}", f"polymarket: {{private_keyy: {SECRET}}}",
    f"polymarket:\n  api_key: {SECRET}\n  api_key: {SECRET}",
])
def test_a_secret_appears_in_no_message(load: Load, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, {"PM_PASSPHRASE": SECRET}, (f"polymarket.api_secrets={SECRET}", SECRET), mode=0o644)
    assert SECRET not in str(caught.value) + repr(caught.value)


def test_a_secret_does_not_appear_in_the_settings_as_text(load: Load) -> None:
    loaded = load(env={"PM_PRIVATE_KEY": KEY, "PM_API_KEY": SECRET, "PM_API_SECRET": SECRET, "PM_PASSPHRASE": SECRET})
    assert KEY not in repr(loaded) and SECRET not in repr(loaded)


# --- properties -------------------------------------------------------------------------------------------------------

LIMITED = [one for one in declarations().values() if one.kind in (int, float) and one.limits.low is not None]


@pytest.mark.parametrize("declared", LIMITED, ids=[one.path for one in LIMITED])
def test_every_number_is_refused_just_outside_its_range(load: Load, declared: Declaration) -> None:
    for number in (declared.limits.low - 1, declared.limits.high + 1):
        assert problems(load, "", {}, (f"{declared.path}={number}",))[0].startswith(f"{declared.path} (--set): was ")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_settings_or_one_config_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        assert isinstance(load_config(path, env={}), Settings)
    except ConfigError as error:
        assert str(path) in error.problem and error.remedy


names = st.sampled_from([*sections(), *declarations(), "x", "private_key", "strategy_hz"])
nodes = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                     lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3), max_leaves=8)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from([*sections(), "mode", "x"]), st.dictionaries(names, nodes, max_size=3) | nodes, max_size=4))
def test_any_yaml_is_settings_or_one_config_error(tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(document))
    try:
        assert isinstance(load_config(path, env={}), Settings)
    except ConfigError as error:
        assert error.remedy
