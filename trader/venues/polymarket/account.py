"""Who we are at the venue: wallet, funder, API credentials, and the two kinds of request signature.

Opened once at start, on the thread that starts the program; read-only afterwards and shared by all gateway threads.
"""

from __future__ import annotations

import base64
import hmac
import logging
from hashlib import sha256
from typing import NamedTuple

import httpx

from trader.errors import AuthError, ConfigError, VenueUnreachable, WireError
from trader.model.setting import Secret
from trader.runtime.clock import Clock
from trader.venues.polymarket.contracts import CHAINS
from trader.venues.polymarket.settings import PolymarketSettings
from trader.venues.polymarket.wallet import Wallet, checksummed, is_address
from trader.venues.polymarket.wire import CHANGELOG, json_from_wire

log = logging.getLogger(__name__)

EOA, DEPOSIT_WALLET = 0, 3           # signature types; 1 and 2 are proxies whose orders the EOA signs as well
DEADLINE_S = 10.0
_CREDENTIALS_HELP = "Check polymarket.api_key, api_secret and passphrase (or leave all three empty to have them derived)."


class ApiCredentials(NamedTuple):
    """`key` names us in trades and order bodies. The secret is decoded once, for the HMAC of every request."""

    key: str
    secret: Secret                   # the text as the user stream wants it
    passphrase: Secret
    hmac_key: bytes

    def __repr__(self) -> str:
        return "ApiCredentials(***)"


class Account(NamedTuple):
    """`address` is the wallet that signs, `funder` the one that holds the money; they are the same for type 0."""

    address: str
    funder: str
    signature_type: int
    chain_id: int
    private_key: Secret
    credentials: ApiCredentials

    @property
    def order_signer(self) -> str:
        """The `signer` field of an order. A deposit wallet signs for itself, through its owner."""
        return self.funder if self.signature_type == DEPOSIT_WALLET else self.address

    def headers(self, wall_ms: int, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """L2: an HMAC over seconds, method, path without query and exactly the bytes of the body."""
        seconds, mine = str(wall_ms // 1000), self.credentials
        digest = hmac.digest(mine.hmac_key, f"{seconds}{method}{path}".encode() + body, sha256)
        return {
            "POLY_ADDRESS": self.address,        # the signing wallet, even when the funder is another
            "POLY_SIGNATURE": base64.urlsafe_b64encode(digest).decode(),
            "POLY_TIMESTAMP": seconds,
            "POLY_API_KEY": mine.key,
            "POLY_PASSPHRASE": mine.passphrase.reveal(),
        }


def open_account(settings: PolymarketSettings, private_key: str, clock: Clock, client: httpx.Client | None = None) -> Account:
    """Blocks for up to `DEADLINE_S` a request. Raises ConfigError, AuthError, VenueUnreachable."""
    url, wallet = settings.clob_url.rstrip("/"), _wallet(private_key, settings.chain_id)
    configured = _configured(settings)
    with client or httpx.Client(timeout=httpx.Timeout(DEADLINE_S)) as http:
        account = Account(wallet.address, _funder(settings, wallet.address), settings.signature_type, settings.chain_id,
                          Secret(private_key), configured or _derived(http, url, wallet, settings.chain_id, clock))
        if configured is not None:
            _prove(http, url, account, clock)
    return account


def _wallet(private_key: str, chain_id: int) -> Wallet:
    if chain_id not in CHAINS:
        raise ConfigError(f"polymarket.chain_id was {chain_id}, must be 137 (Polygon) or 80002 (Amoy).",
                          remedy="Set polymarket.chain_id.")
    try:
        return Wallet(private_key)
    except ValueError:
        raise ConfigError("polymarket.private_key is not a private key; it must be 0x and 64 hex digits.",
                          remedy="Set PM_PRIVATE_KEY or polymarket.private_key_file.") from None


def _funder(settings: PolymarketSettings, address: str) -> str:
    if settings.signature_type == EOA:
        if settings.funder and settings.funder.lower() != address.lower():
            raise ConfigError(f"polymarket.funder was {settings.funder}, but with signature_type 0 the key's own {address} pays.",
                              remedy="Leave polymarket.funder empty, or set the signature_type of your account (1-3).")
        return address
    if not is_address(settings.funder):
        raise ConfigError(f"polymarket.funder was {settings.funder!r}, must be an address with signature_type 1-3.",
                          remedy="Copy it from your profile on polymarket.com.")
    return checksummed(settings.funder)


def _configured(settings: PolymarketSettings) -> ApiCredentials | None:
    """None when nothing is configured. Some but not all is a mistake."""
    given = [bool(settings.api_key), bool(settings.api_secret), bool(settings.passphrase)]
    if not any(given):
        return None
    if not all(given):
        raise ConfigError("polymarket.api_key, api_secret and passphrase belong together, but only some are set.",
                          remedy="Set all three, or none to have them derived.")
    return _credentials(settings.api_key.reveal(), settings.api_secret.reveal(), settings.passphrase.reveal())


def _credentials(key: str, secret: str, passphrase: str) -> ApiCredentials:
    try:
        hmac_key = base64.urlsafe_b64decode(secret)
    except ValueError:
        raise ConfigError("polymarket.api_secret is not URL-safe base64.", remedy=_CREDENTIALS_HELP) from None
    if not (key.isprintable() and passphrase.isprintable() and (key + passphrase).isascii()):
        raise ConfigError("polymarket.api_key or passphrase holds a line break or another character that no header can carry.",
                          remedy=_CREDENTIALS_HELP)
    return ApiCredentials(key, Secret(secret), Secret(passphrase), hmac_key)


def _derived(http: httpx.Client, url: str, wallet: Wallet, chain_id: int, clock: Clock) -> ApiCredentials:
    """The same wallet gets the same credentials each time; one that never had any gets them made."""
    answer = _ask(http, "GET", url, "/auth/derive-api-key", wallet, chain_id, clock)
    if answer.status_code != 200:
        answer = _ask(http, "POST", url, "/auth/api-key", wallet, chain_id, clock)
    if answer.status_code not in (200, 201):
        raise AuthError(f"venue polymarket gave no API credentials (HTTP {answer.status_code}: {answer.text[:200]}).",
                        remedy="Check PM_PRIVATE_KEY and that the wallet has an account on polymarket.com.")
    return _credentials_of(json_from_wire("the answer to /auth", answer.content))


def _credentials_of(row: object) -> ApiCredentials:
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("apiKey", "secret", "passphrase")):
        raise WireError("the answer to /auth is not an API key with secret and passphrase (not shown: it may hold them).",
                        remedy=CHANGELOG)
    return _credentials(row["apiKey"], row["secret"], row["passphrase"])


def _prove(http: httpx.Client, url: str, account: Account, clock: Clock) -> None:
    """Configured credentials are tried out before anything depends on them: the user stream would only hang up."""
    path = "/auth/api-keys"
    answer = _request(http, "GET", url, path, account.headers(clock.wall_ms(), "GET", path))
    if answer.status_code != 200:
        raise AuthError(f"venue polymarket refused the API key (HTTP {answer.status_code}: {answer.text[:200]}).",
                        remedy=_CREDENTIALS_HELP)


def _ask(http: httpx.Client, method: str, url: str, path: str, wallet: Wallet, chain_id: int, clock: Clock) -> httpx.Response:
    answer = _request(http, method, url, path, wallet.login_headers(chain_id, clock.wall_ms() // 1000))
    if answer.status_code in (401, 403):
        raise AuthError(
            f"venue polymarket refused the wallet {wallet.address} (HTTP {answer.status_code}: {answer.text[:200]}).",
            remedy="Check PM_PRIVATE_KEY, the machine's clock, and that the venue may be used from this country.",
        )
    return answer


def _request(http: httpx.Client, method: str, url: str, path: str, headers: dict[str, str]) -> httpx.Response:
    try:
        answer = http.request(method, url + path, headers=headers)
    except httpx.HTTPError as why:
        raise VenueUnreachable(f"nothing answers at {url} ({type(why).__name__}: {why}).",
                               remedy="Check polymarket.clob_url and the network.") from None
    if answer.status_code >= 500:
        raise VenueUnreachable(f"{url}{path} answered HTTP {answer.status_code}.", remedy="Try again; see status.polymarket.com.")
    return answer
