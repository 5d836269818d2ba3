"""The vendor's unified SDK, in a process and an environment of its own: docs/exchange-clients.md says what it can do here.

The environment is made once, in the user's cache folder, and used again by later runs. The SDK cannot live beside our own
dependencies, and its streams need an event loop, which this program has not.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import ssl
import subprocess
import sys
import venv
from pathlib import Path

import httpx
import pytest

from trader.testing.exchange_process import running_exchange

CLIENT = "polymarket-client==0.14.0"
CHILD = Path(__file__).with_name("unified_client_child.py")
PAGE = Path(__file__).parents[2] / "docs/exchange-clients.md"


def environment() -> Path:
    """Its python. Two test runs at once wait for each other; one that was killed in the middle leaves no mark and is made again."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trader-tests"
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / f"{CLIENT.replace('==', '-')}-py{sys.version_info.major}.{sys.version_info.minor}"
    with open(f"{home}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "ready").exists():
            venv.create(home, with_pip=True, clear=True)
            subprocess.run([home / "bin/python", "-m", "pip", "install", "--quiet", CLIENT], check=True, stdout=subprocess.DEVNULL)
            (home / "ready").touch()
    return home / "bin/python"


@pytest.fixture(scope="module")
def python():
    return environment()


@pytest.fixture(scope="module", params=["v1", "v2", "tls"])
def told(request, python, tmp_path_factory):
    """What the child said, for both protocols and through TLS."""
    ca_file = tmp_path_factory.mktemp("tls") / "ca.pem"
    options = {"tls": ca_file} if request.param == "tls" else {"protocol": request.param}
    trust = {"SSL_CERT_FILE": str(ca_file)} if request.param == "tls" else {}
    with running_exchange(speed=1, settle_ms=20, **options) as exchange:
        context = ssl.create_default_context(cafile=ca_file) if trust else True
        given = exchange._asdict() | listed_ahead(exchange, context)
        done = subprocess.run([python, CHILD, json.dumps(given)], env=os.environ | trust, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def listed_ahead(exchange, context):
    """A market in which no bot trades, and two wallets with money."""
    query = {"series_id": "10114", "closed": "false", "order": "endDate", "ascending": "true", "limit": "4"}
    with httpx.Client(verify=context) as http:
        market = http.get(f"{exchange.gamma_url}/events/keyset", params=query).json()["events"][-1]["markets"][0]
        keys = [http.post(f"{exchange.rest_url}/control/keys").json() for _ in range(2)]
    ids = json.loads(market["clobTokenIds"]) if market["version"] == "v1" else market["positionIds"]
    tokens = dict(zip(json.loads(market["outcomes"]), ids, strict=True))
    return {"tokens": [tokens["Up"], tokens["Down"]], "market": market["conditionId"], "keys": keys}


def documented():
    section = PAGE.read_text().split("## polymarket-client 0.14.0\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (works|501) \| (.+?) \|", section, re.MULTILINE)
    return {method: said for said, methods in rows for method in re.findall(r"`(\w+)`", methods)}


def test_each_method_of_the_sdk_does_what_the_page_says(told):
    assert told["outcomes"] == documented()


def test_it_traded_through_a_deposit_wallet_and_as_a_plain_key(told):
    assert told["wallets"] == ["DEPOSIT_WALLET", "EOA"]
