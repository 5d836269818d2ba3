"""The dashboard in a real Chromium, before the eyes of a reader: what it shows is what `/stats` says, wherever one clicks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tools.browser import LAPTOP, PHONE, headless_chromium, is_installed, show_as
from trader import Trader
from trader.config import load_config
from trader.fleet_run import FleetRun

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-24-characters"


@pytest.fixture(scope="module", autouse=True)
def chromium() -> None:
    assert is_installed(), "run tools/test once as root, or apt-get install chromium chromium-driver"


@pytest.fixture(scope="module")
def trader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    """An embedded desk that has had fills and is paused, so that its numbers stand still."""
    folder = tmp_path_factory.mktemp("desk")
    overrides = ("ops.status_port=0", f"ops.control_dir={folder}", f"journal.dir={folder}/journal", f"ops.status_token={TOKEN}")
    with Trader(load_config(ROOT / "conf.yaml.example", env={}, overrides=overrides)) as trader:
        until(trader, lambda: trader.stats().get("fills", 0) >= 2, "two fills")
        yield trader


@pytest.fixture(scope="module")
def browser(trader: Trader) -> Iterator[Chrome]:
    with headless_chromium() as browser:
        show_as(browser, LAPTOP, "light")
        browser.get(trader.stats()["status_url"])
        wait(browser).until(lambda page: page.find_element(By.ID, "token").is_displayed())
        browser.find_element(By.ID, "token").send_keys(TOKEN)
        browser.find_element(By.CSS_SELECTOR, "#login button").click()
        wait(browser).until(lambda page: "waiting" not in page.find_element(By.TAG_NAME, "body").get_attribute("class"))
        yield browser


def until(trader: Trader, holds: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if holds():
            return
        trader.wait(0.1)
    raise AssertionError(f"not within a minute: {what}")


def wait(browser: Chrome) -> WebDriverWait[Chrome]:
    return WebDriverWait(browser, 15, 0.1)


def stats_of(trader: Trader) -> dict[str, Any]:
    """Over HTTP, as the page reads it."""
    answer = httpx.get(f"{trader.stats()['status_url']}stats", headers={"Authorization": f"Bearer {TOKEN}"})
    return dict(answer.json())


def shown(browser: Chrome, path: str) -> str:
    return str(browser.find_element(By.CSS_SELECTOR, f"[data-path='{path}']").text)


def number(text: str) -> float:
    """"−$1,234.56" → -1234.56, "54.5 ¢" → 54.5"""
    return float(re.sub(r"[^\d.-]", "", text.replace("−", "-")))


def cells(browser: Chrome, selector: str) -> list[list[str]]:
    """Read in one go: the page may change a row between two questions."""
    script = "return [...document.querySelectorAll(arguments[0])].map((row) => [...row.cells].map((cell) => cell.textContent))"
    found: list[list[str]] = browser.execute_script(script, selector)
    return found


def agrees(browser: Chrome, trader: Trader, path: str, expected: Callable[[dict[str, Any]], float]) -> bool:
    """Between two answers that say the same, the page says it too."""
    before, on_page, after = expected(stats_of(trader)), shown(browser, path), expected(stats_of(trader))
    return before == after and on_page != "–" and number(on_page) == pytest.approx(before, abs=0.0051)


NUMBERS: dict[str, Callable[[dict[str, Any]], float]] = {
    "fills": lambda stats: stats["fills"], "orders_placed": lambda stats: stats["orders_placed"],
    "orders_acked": lambda stats: stats["orders_acked"], "orders_cancelled": lambda stats: stats["orders_cancelled"],
    "cash_usd": lambda stats: stats["cash_usd"], "pnl_marked_usd": lambda stats: stats["pnl_marked_usd"],
    "pnl_settled_usd": lambda stats: stats["pnl_settled_usd"], "volume_usd": lambda stats: stats["volume_usd"],
    "books.yes.bid": lambda stats: stats["books"]["yes"]["bid"] * 100, "books.no.ask": lambda stats: stats["books"]["no"]["ask"] * 100,
    "books.yes.ask_size": lambda stats: stats["books"]["yes"]["ask_size"],
}


def test_our_orders_are_listed_while_it_quotes(trader: Trader, browser: Chrome) -> None:
    def listed(page: Chrome) -> bool:
        rows = {(row[1], number(row[2]), number(row[3])) for row in cells(page, "#orders tbody tr") if len(row) == 5}
        return bool(rows) and rows == {
            (f"{one['token_side'].lower()} {'YES' if one['side'] == one['token_side'] else 'NO'}", round(one["price"] * 100, 2),
             one["remaining"])
            for one in stats_of(trader)["quotes"]}

    WebDriverWait(browser, 40, 0.05).until(listed)


def test_every_number_of_a_paused_desk_is_that_of_stats(trader: Trader, browser: Chrome) -> None:
    trader.pause("the numbers are compared")
    until(trader, lambda: "paused" in trader.stats()["guards"] and not trader.stats()["quotes"], "flat")
    for path, expected in NUMBERS.items():
        WebDriverWait(browser, 20, 0.05).until(lambda page, path=path, expected=expected: agrees(page, trader, path, expected), path)


def test_mode_and_guards_are_shown_with_how_long_they_have_been_in_force(trader: Trader, browser: Chrome) -> None:
    wait(browser).until(lambda page: page.find_element(By.ID, "trading-mode").text == "STOP")
    guards = browser.find_element(By.CSS_SELECTOR, "#guards ul").text
    assert re.search(r"paused\s+for \d+(\.\d)? m?s", guards) and browser.find_element(By.ID, "health").text == "healthy"
    components = set(browser.execute_script("return [...document.querySelectorAll('#components li')].map((item) => item.textContent)"))
    assert components >= {"pm-book", "pm-user", "bn-ticker", "verify", "gateway", "executor", "strategy", "markets", "heartbeat", "journal"}


def test_the_last_fills_are_those_of_stats_newest_first(trader: Trader, browser: Chrome) -> None:
    fills = stats_of(trader)["last_fills"][-8:][::-1]
    rows = [(row[1], number(row[2]), number(row[3])) for row in cells(browser, "#fills tbody tr")]
    assert rows == [("bought" if one["side"] == "BUY" else "sold", round(one["price"] * 100, 2), one["size"]) for one in fills]


def test_every_role_and_every_leg_of_the_latency_has_its_line(trader: Trader, browser: Chrome) -> None:
    assert [row[0] for row in cells(browser, "#threads tbody tr")] == [role["name"] for role in stats_of(trader)["roles"]]
    legs = cells(browser, "#latency tbody tr")
    assert len(legs) == len(stats_of(trader)["latency"]) and all(re.fullmatch(r"[\d,.]+ [µm]s", row[2]) for row in legs)


@pytest.mark.parametrize("seconds", [600, 3600, 120])
def test_a_click_chooses_the_time_that_the_charts_show(browser: Chrome, seconds: int) -> None:
    button = browser.find_element(By.CSS_SELECTOR, f"[data-range='{seconds}']")
    button.click()
    assert "chosen" in button.get_attribute("class")
    assert browser.execute_script("return (CHARTS.price.to - CHARTS.price.from) / 1000") == seconds
    assert len(browser.find_elements(By.CSS_SELECTOR, "button.chosen")) == 1


def test_the_charts_hold_the_rows_of_the_series_and_are_drawn(trader: Trader, browser: Chrome) -> None:
    answer = httpx.get(f"{trader.stats()['status_url']}series", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    held = browser.execute_script("return [state.rows.map((row) => row.number), state.fills.length]")
    assert held[0][:3] == [row[0] for row in answer["rows"][:3]] and held[1] == len(answer["fills"])
    inked = """const c = document.querySelector("#price canvas"), p = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        return new Set(Array.from({length: p.length / 4}, (_, i) => p[4*i] + "," + p[4*i+1] + "," + p[4*i+2])).size"""
    assert browser.execute_script(inked) > 20


def test_a_click_shows_the_stacks_of_every_thread_and_another_hides_them(browser: Chrome) -> None:
    button, stacks = browser.find_element(By.ID, "stacks"), browser.find_element(By.CSS_SELECTOR, "#threads pre")
    button.click()
    wait(browser).until(lambda page: stacks.is_displayed() and "trader/executor/role.py" in stacks.text)
    assert "gateway-3 (tid" in stacks.text and button.text == "Hide stacks"
    button.click()
    wait(browser).until(lambda page: not stacks.is_displayed())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_nothing_sticks_out_sideways_and_text_stands_out_from_its_ground(browser: Chrome, size: tuple[int, int], scheme: str) -> None:
    show_as(browser, size, scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    luminance = """const one = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map((c) => { c /= 255;
          return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const ground = one(getComputedStyle(document.querySelector("section")).backgroundColor);
        return [...document.querySelectorAll("h2, dd, td, dt, th, .pill, li")].map((el) => { const ink = one(getComputedStyle(el).color);
          return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05); });"""
    assert min(browser.execute_script(luminance)) >= 4.0


def test_the_page_asks_nobody_else_and_breaks_none_of_its_own_rules(trader: Trader, browser: Chrome) -> None:
    asked = browser.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert asked and all(url.startswith(trader.stats()["status_url"]) for url in asked)
    answers = re.compile(r"status of 401|/health - .* status of 503")          # who has no token; a desk that was unwell for a moment
    assert [entry["message"] for entry in browser.get_log("browser") if not answers.search(entry["message"])] == []


def test_nothing_that_is_served_holds_a_secret(trader: Trader) -> None:
    url = trader.stats()["status_url"]
    for path in ("", "health", "stats", "metrics", "series", "threads", "threads?json"):
        text = httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {TOKEN}"}).text
        hidden = [secret.reveal() for secret in trader.secrets()] + [TOKEN]
        assert len(hidden) > 3 and not [one for one in hidden if one and one in text]


def test_a_trader_that_is_gone_is_said_to_be_gone_and_its_numbers_fade(trader: Trader, browser: Chrome) -> None:
    trader.stop()
    wait(browser).until(lambda page: "No answer from the trader since" in page.find_element(By.ID, "banner").text)
    assert "waiting" in browser.find_element(By.TAG_NAME, "body").get_attribute("class")


def test_of_a_fleet_without_a_desk_it_shows_the_fleet_and_nothing_of_a_desk(tmp_path: Path) -> None:
    alone = ("fleet.enabled=true", "fleet.alone=true", "fleet.num_workers=1", "fleet.pending_wait_ms=100", "ops.status_port=0",
             f"ops.control_dir={tmp_path}/run")
    with FleetRun(load_config(ROOT / "conf.yaml.example", env={}, overrides=alone)) as run, headless_chromium() as browser:
        browser.get(run.stats()["status_url"])
        wait(browser).until(lambda page: shown(page, "fleet.registry.subscribed") not in ("", "–", "0"))
        assert int(shown(browser, "fleet.registry.subscribed")) == run.stats()["fleet"]["registry"]["subscribed"]
        assert re.fullmatch(r"Fleet of \d+ markets", browser.find_element(By.TAG_NAME, "h1").text)
        of_a_desk = browser.find_elements(By.CSS_SELECTOR, "#price, #books, #trading-mode, .numbers")
        assert [one.is_displayed() for one in of_a_desk] == [False] * 4
