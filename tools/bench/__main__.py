"""Every benchmark by name, or all of them one after the other into docs/performance.md.

    python tools/bench all [--quick] [--peers] [--only NAME,NAME]
    python tools/bench NAME [its own options]

`all` replaces what stands below "## Figures" in docs/performance.md by what it measured: machine, versions, and a row for each
budget. `--quick` measures seconds instead of half a minute and writes nothing. `--peers` also measures nautilus_trader and others, in an
environment of their own (peers.py). Each benchmark prints JSON, has its baseline in the same run, and says in its docstring what it does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "performance.md"
HEADING = "## Figures"
Said = dict[str, Any]


class Row(NamedTuple):
    """One line of the budget table."""

    what: str
    found: str
    budget: str
    is_met: bool
    beside: str


class Bench(NamedTuple):
    options: tuple[str, ...]
    quick: tuple[str, ...]
    rows: Callable[[Said], list[Row]]


def us(value: float) -> str:
    return f"{value:.0f} µs" if value >= 100 else f"{value:.1f} µs"


def _book(said: Said) -> list[Row]:
    cpu, per_change = said["cpu_us_a_frame"], said["cpu_us_a_change"]
    return [Row("decode, apply, publish: CPU a change of one book", us(per_change), "≤ 4 µs", per_change <= said["budget_us_a_change"],
                f"a frame has two: {us(cpu['ours, batch 25'])}; its JSON alone by orjson {us(cpu['orjson alone'])}; naive "
                f"{us(cpu['naive, batch 25'])}, which checks nothing")]


def _peers(said: Said) -> list[Row]:
    times = said["times_faster_than"]
    others = ", ".join(f"{name} {us(each)}" for name, each in said["cpu_us_a_frame"].items())
    return [Row("the same beside nautilus_trader", f"{times['nautilus_trader']} times faster", "≥ 4 times",
                times["nautilus_trader"] >= said["least_times_faster_than_nautilus"], f"a frame: {others}")]


def _stream(said: Said) -> list[Row]:
    full, steady, budget = said["saturated"]["ours"], said["steady"]["ours"], said["budget"]
    naive = said["saturated"]["naive"]
    return [
        Row("socket → snapshot over TLS, saturated: CPU a frame", us(full["cpu_us_a_frame"]), "≤ 8 µs",
            full["cpu_us_a_frame"] <= budget["cpu_us_a_frame"],
            f"{full['read_per_s']:,} frames/s, {full['lost']} lost; naive {us(naive['cpu_us_a_frame'])}, {naive['read_per_s']:,} frames/s"),
        Row(f"{said['rate']:,.0f} frames/s over TLS on one thread: lost", str(steady["lost"]), "0",
            steady["lost"] == 0 and steady["read_per_s"] >= 0.95 * said["rate"],
            f"{steady['read_per_s']:,} frames/s at {steady['cpu_share']:.0%} of a core"),
        Row("sent → snapshot at that rate, p99", us(steady["lag"]["p99_us"]), "≤ 1 ms", steady["lag"]["p99_us"] <= budget["lag_p99_us"],
            f"p50 {us(steady['lag']['p50_us'])}; naive p50 {us(said['steady']['naive']['lag']['p50_us'])}, it falls behind"),
    ]


def _chain(said: Said) -> list[Row]:
    runs, budget = said["rates"][str(said["budget"]["at_rate"])], said["budget"]
    tuned, others = runs["tuned"]["price_to_gateway"], {name: run["price_to_gateway"] for name, run in runs.items() if name != "tuned"}
    rows = []
    for key, name in (("p50_us", "p50"), ("p99_us", "p99")):
        limit = budget[f"price_to_gateway_{key}"]
        beside = "; ".join(f"{variant} {us(found[key])}" for variant, found in others.items())
        rows.append(Row(f"price sent → gateway thread signs, {name}", us(tuned[key]), f"≤ {limit} µs", tuned[key] <= limit, beside))
    lost = sum(run["lost"] for variants in said["rates"].values() for run in variants.values())
    return [*rows, Row("whole chain over TLS, all rates: frames lost", str(lost), "0", lost == 0, "table below")]


def _desk(said: Said) -> list[Row]:
    quiet, python, budget = said["quiet"], said["python"], said["budget"]
    longest, late = quiet["gc_pauses"].get("max_us", 0.0), quiet["latency"]["tick_lateness"]
    return [
        Row("longest pause by garbage collection", us(longest), "≤ 1 ms", longest <= budget["gc_pause_max_us"],
            f"{quiet['gc_pauses']['count']} pauses; Python's collector {python['gc_pauses']['count']}, longest "
            f"{us(python['gc_pauses'].get('max_us', 0.0))}"),
        Row("resident memory of a desk", f"{quiet['process']['resident_mb']} MB", "≤ 80 MB",
            quiet["process"]["resident_mb"] <= budget["resident_mb"], f"untuned {python['process']['resident_mb']} MB"),
        Row("tick lateness at 20 Hz, p99", us(late["p99_us"]), "≤ 200 µs", late["p99_us"] <= budget["tick_lateness_p99_us"],
            f"p50 {us(late['p50_us'])}; untuned p50 {us(python['latency']['tick_lateness']['p50_us'])}, p99 "
            f"{us(python['latency']['tick_lateness']['p99_us'])}"),
    ]


def _signing(said: Said) -> list[Row]:
    one = said["wallet"]["sign_json_hmac"]
    return [
        Row("sign, JSON, HMAC of an order: CPU", us(one["own_us"]), "≤ 50 µs", one["own_us"] <= said["budget_us"]["sign_json_hmac"],
            f"py-clob-client-v2 {us(one['stock_us'])}"),
    ]


def _transport(said: Said) -> list[Row]:
    found = said["tls"]["decision_to_wire"]["wall_p50_us"]
    four_us, one_us, stock_us = (said["tls"][name]["cpu_mean_us"] for name in ("four_quotes", "sign_and_post", "stock_client"))
    return [
        Row("decision → request on the wire over TLS, p50", us(found), "≤ 250 µs", found <= said["budget_us"]["decision_to_wire"],
            f"a POST by httpx {us(said['tls']['httpx_default']['cpu_mean_us'])} CPU, by ours {us(said['tls']['ours']['cpu_mean_us'])}"),
        Row("four quotes requoted: CPU", us(four_us), "≤ 1 ms", four_us <= said["budget_us"]["four_quotes"],
            f"cancelled in one request, signed, placed in one; an order signed and posted alone {us(one_us)}, by py-clob-client-v2 "
            f"{us(stock_us)}"),
    ]


def _strategy(said: Said) -> list[Row]:
    cycle = said["strategies"]["two_sided"]
    return [Row("a cycle of the strategy: CPU, p50", us(cycle["p50_us"]), f"≤ {said['budget_us']} µs", cycle["p50_us"] <= said["budget_us"],
                f"p99 {us(cycle['p99_us'])}")]


BENCHES = {
    "book": Bench(("--repeats", "9"), ("--repeats", "2"), _book),
    "peers": Bench(("--repeats", "5"), ("--repeats", "2"), _peers),
    "stream": Bench(("--seconds", "8"), ("--seconds", "2"), _stream),
    "chain": Bench(("--seconds", "10"), ("--seconds", "2"), _chain),
    "desk": Bench(("--seconds", "60"), ("--seconds", "5"), _desk),
    "signing": Bench((), ("--repeats", "1"), _signing),
    "transport": Bench((), ("--requests", "200"), _transport),
    "strategy": Bench((), ("--cycles", "500"), _strategy),
}


# --- the page -----------------------------------------------------------------------------------------------------------


def machine() -> str:
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
        model = next((line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")), platform.machine())
    names = ("orjson", "msgspec", "coincurve", "websocket-client", "httpx", "py-clob-client-v2")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (f"{datetime.now(UTC):%Y-%m-%d}, {model}, {len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.release()}, "
            f"Python {platform.python_version()}, {versions}. Load when it began: {os.getloadavg()[0]:.1f}.")


def table(rows: list[Row]) -> str:
    lines = ["| what | found | budget | | beside, in the same run |", "|--|--|--|--|--|"]
    return "\n".join(lines + [f"| {row.what} | {row.found} | {row.budget} | {'met' if row.is_met else '**not met**'} | {row.beside} |"
                              for row in rows])


def chain_table(said: Said) -> str:
    lines = ["| frames/s | process | lost | orders/s | CPU | MB | leg | p50 | p99 | p99.9 |", "|--|--|--|--|--|--|--|--|--|--|"]
    for rate, variants in said["rates"].items():
        for variant, run in variants.items():
            head = " | ".join((f"{int(rate):,}", variant, str(run["lost"]), str(run["orders_signed_per_s"]), f"{run['cpu_share']:.0%}",
                               str(run["resident_mb"])))
            for leg, found in {"price sent → gateway": run["price_to_gateway"], **run["legs"]}.items():
                quantiles = " | ".join(us(found[key]) for key in ("p50_us", "p99_us", "p999_us"))
                lines.append(f"| {head} | {leg.replace('_', ' ')} | {quantiles} |")
                head = " | | | | |"
    return "\n".join(lines)


def figures(began: str, said: dict[str, Said]) -> str:
    rows = [row for name, one in said.items() for row in BENCHES[name].rows(one)]
    parts = [HEADING, began, table(rows)]
    if "chain" in said:
        parts += ["The whole chain (`tools/bench/chain.py`), leg by leg:", chain_table(said["chain"])]
    return "\n\n".join(parts) + "\n"


def measure_all(names: list[str], *, quick: bool) -> dict[str, Said]:
    said = {}
    for name in names:
        bench = BENCHES[name]
        print(f"{name} …", file=sys.stderr, flush=True)
        command = [sys.executable, str(HERE / f"{name}.py"), *(bench.quick if quick else bench.options)]
        done = subprocess.run(command, stdout=subprocess.PIPE)
        try:
            said[name] = json.loads(done.stdout)
        except json.JSONDecodeError:
            sys.exit(f"tools/bench: {name} ended with exit code {done.returncode} and no figures; run it alone: python tools/bench {name}")
    return said


def main() -> None:
    if sys.argv[1:2] and (HERE / f"{sys.argv[1]}.py").exists():
        os.execv(sys.executable, [sys.executable, str(HERE / f"{sys.argv[1]}.py"), *sys.argv[2:]])
    parser = argparse.ArgumentParser(prog="python tools/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=("all", *BENCHES))
    parser.add_argument("--quick", action="store_true", help="shorter, and the page stays as it is")
    parser.add_argument("--peers", action="store_true", help="other programs too")
    parser.add_argument("--only", help="of all, these: book,chain")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [name for name in BENCHES if name != "peers" or options.peers]
    began = machine()
    text = figures(began, measure_all(names, quick=options.quick))
    print(text)
    if not (options.quick or options.only):
        page = PAGE.read_text()
        PAGE.write_text(page[:page.index(HEADING)] + text)


if __name__ == "__main__":
    main()
