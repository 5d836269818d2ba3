#!/usr/bin/env python3
"""An order's id, signature and request, by our encoder and by py-clob-client-v2, in one run. JSON on standard output.

The two must make the same bytes, or there is no figure. Microseconds of CPU an operation, the fastest of the repeats; budget: 50 for
the whole request (docs/gateway.md).
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

from eth_utils.crypto import keccak as stock_keccak
from py_clob_client_v2.signer import Signer
from py_clob_client_v2.signing.hmac import build_hmac_signature

from trader.model.order import OrderSpec, Side
from trader.model.setting import Secret
from trader.model.units import PriceBp, SizeMicro
from trader.venues.polymarket.account import Account, ApiCredentials
from trader.venues.polymarket.eip712 import keccak
from trader.venues.polymarket.signing import OrderSigner, OwnSigning
from trader.venues.polymarket.stock import StockSigning

KEY = "0x" + "11" * 32
FUNDER = "0xE111180000d2663C0091e4f400237545B87B996B"
SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="
WALL_MS = 1_795_000_000_000
WALLETS = {"wallet": 0, "deposit_wallet": 3}
ORDER = OrderSpec("0x" + "c" * 64, "7" * 77, Side.BUY, PriceBp(5_100), SizeMicro(10_000_000), 2**52 + 1, WALL_MS, "v1", False)


def account_of(signature_type: int) -> Account:
    address = Signer(KEY, 137).address()
    credentials = ApiCredentials("key", Secret(SECRET), Secret("pass"), b"secret" * 5)
    return Account(address, FUNDER if signature_type else address, signature_type, 137, Secret(KEY), credentials)


def cpu_us(call: Callable[[], object], calls: int, repeats: int) -> float:
    fastest = float("inf")
    for _ in range(repeats):
        started = time.thread_time_ns()
        for _ in range(calls):
            call()
        fastest = min(fastest, time.thread_time_ns() - started)
    return round(fastest / calls / 1000, 1)


def measure(account: Account, repeats: int) -> dict[str, dict[str, float]]:
    own, stock = OwnSigning(account), StockSigning(account)
    order_id = own.order_id(ORDER)
    if order_id != stock.order_id(ORDER) or own.signature(order_id, ORDER) != stock.signature(order_id, ORDER):
        sys.exit("signing.py: our encoder and py-clob-client-v2 made different bytes; run tests/venues/polymarket/test_signing.py")
    ours, theirs = OrderSigner(account, own), OrderSigner(account, stock)

    def our_request() -> None:
        account.headers(WALL_MS, "POST", "/order", ours.sign(order_id, ORDER).body)

    def stock_request() -> None:
        body = theirs.sign(order_id, ORDER).body
        build_hmac_signature(SECRET, WALL_MS // 1000, "POST", "/order", body.decode())

    def pair(our: Callable[[], object], stock_: Callable[[], object]) -> dict[str, float]:
        row = {"own_us": cpu_us(our, 1000, repeats), "stock_us": cpu_us(stock_, 100, repeats)}
        return row | {"times_faster": round(row["stock_us"] / row["own_us"], 1)}

    return {
        "order_id": pair(lambda: own.order_id(ORDER), lambda: stock.order_id(ORDER)),
        "signature": pair(lambda: own.signature(order_id, ORDER), lambda: stock.signature(order_id, ORDER)),
        "sign_json_hmac": pair(our_request, stock_request),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each operation; the fastest counts (default 5)")
    repeats = max(1, parser.parse_args().repeats)
    words = bytes(384)
    result = {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("py-clob-client-v2", "coincurve", "safe-pysha3", "pycryptodome")},
        "budget_us": {"sign_json_hmac": 50, "order_id": 30},
        "keccak_384_bytes": {"own_us": cpu_us(lambda: keccak(words), 5000, repeats),
                             "stock_us": cpu_us(lambda: stock_keccak(words), 5000, repeats)},
        **{name: measure(account_of(kind), repeats) for name, kind in WALLETS.items()},
    }
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
