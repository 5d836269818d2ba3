"""What the benchmarks would show if the hot path had become several times slower: generous ratios within one run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHES = Path(__file__).parents[2] / "tools/bench"


def said_by(name, *options):
    done = subprocess.run([sys.executable, str(BENCHES / f"{name}.py"), *options], capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def book():
    return said_by("book", "--repeats", "3")


@pytest.fixture(scope="module")
def stream():
    return said_by("stream", "--seconds", "1.5", "--rate", "5000")


def test_a_frame_costs_no_more_than_four_times_its_json(book):
    cpu = book["cpu_us_a_frame"]
    assert cpu["ours, batch 25"] < 4 * cpu["orjson alone"]


def test_with_all_its_checks_the_book_costs_no_more_than_twice_the_naive_one_without(book):
    cpu = book["cpu_us_a_frame"]
    assert cpu["ours, batch 25"] < 2 * cpu["naive, batch 25"]


def test_reading_a_stream_over_tls_is_at_least_four_times_cheaper_than_the_naive_way(stream):
    assert 4 * stream["saturated"]["ours"]["cpu_us_a_frame"] < stream["saturated"]["naive"]["cpu_us_a_frame"]


def test_a_stream_is_read_without_a_loss_saturated_or_not(stream):
    assert [(stream[load]["ours"]["lost"], stream[load]["ours"]["mismatches"]) for load in ("saturated", "steady")] == [(0, 0), (0, 0)]


def test_the_whole_chain_over_tls_loses_nothing_and_signs_an_order_a_move():
    run = said_by("chain", "--seconds", "1.5", "--rates", "2000")["rates"]["2000"]["tuned"]
    assert (run["lost"], run["mismatches"]) == (0, 0)
    assert run["price_to_gateway"]["count"] > 30 and run["price_to_gateway"]["p50_us"] < 20_000


def test_our_signature_is_at_least_three_times_cheaper_than_the_clients():
    assert said_by("signing", "--repeats", "2")["wallet"]["sign_json_hmac"]["times_faster"] > 3
