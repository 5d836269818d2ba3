"""`trader exchange keys`: asks a running exchange for a funded wallet. Runs on the main thread of a process of its own."""

from __future__ import annotations

import argparse
import json
import ssl

import httpx

from trader.errors import ConfigError, VenueUnreachable

DEADLINE_S = 10


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="trader exchange keys", description="A wallet with money and API credentials on a running embedded exchange, as JSON.")
    options.add_argument("--url", required=True, help="where it listens: rest_url of the line that it printed at its start")
    options.add_argument("--cash", type=int, help="dollars; without it what the exchange gives every new account")
    options.add_argument("--signature-type", type=int, choices=range(4),
                         help="where the money lies: 0 in the key's own address, 1 proxy, 2 safe, 3 deposit wallet; without it "
                              "where the first order says")
    options.add_argument("--ca-file", metavar="FILE", help="the certificate that `trader exchange --tls FILE` wrote")
    return options


def funded_keys(argv: list[str]) -> str:
    """The answer as indented JSON; every way in which there is none is a TraderError that says what to do."""
    options = parser().parse_args(argv)
    asked = {"cash": options.cash, "signature_type": options.signature_type}
    body = {name: value for name, value in asked.items() if value is not None}
    try:
        trust = ssl.create_default_context(cafile=options.ca_file) if options.ca_file else True
        answer = httpx.post(f"{options.url.rstrip('/')}/control/keys", json=body, timeout=DEADLINE_S, verify=trust)
        said = answer.json()
    except OSError as failed:
        raise ConfigError(f"--ca-file: {options.ca_file} cannot be used ({failed}).", remedy="Name the file that --tls wrote.") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        raise ConfigError(f"--url: was {options.url!r}, must be http://host:port or https://host:port.",
                          remedy="Copy rest_url from the line that the exchange printed.") from None
    except (httpx.HTTPError, ValueError) as failed:
        remedy = "Start `trader exchange`, give --url the rest_url that it prints, and --ca-file when that is https."
        raise VenueUnreachable(f"no embedded exchange answers at {options.url}: {failed}.", remedy=remedy) from None
    if answer.status_code != 200:
        raise ConfigError(f"the exchange at {options.url} refused: {said.get('error', said)}", remedy="See `trader exchange keys --help`.")
    return json.dumps(said, indent=2)
