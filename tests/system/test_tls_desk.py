"""A whole desk over HTTPS and WSS, as at the real venue: orders are signed, placed, filled and cancelled through TLS, nothing is plain."""

from __future__ import annotations

import pytest

from trader.testing.desk_process import DeskProcess, Wallet
from trader.testing.exchange_process import running_exchange

SECONDS = 8


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(exit code, summary, log) of a run."""
    folder = tmp_path_factory.mktemp("tls")
    ca_file = folder / "ca.pem"
    with running_exchange(speed=72, seed=5, tls=ca_file) as exchange:
        desk = DeskProcess([str(Wallet(exchange, folder).conf), "--for", str(SECONDS)], folder, {"SSL_CERT_FILE": str(ca_file)})
        try:
            code, summary = desk.finish(60)
            return code, summary, desk.log
        finally:
            desk.kill()


def test_it_quotes_and_ends_flat(finished):
    code, summary, log = finished
    assert code == 0, log
    assert summary["orders_acked"] > 0 and summary["orders_unknown"] == 0 and summary["open_orders_at_exit"] == 0


def test_every_stream_is_read_through_tls_without_a_loss(finished):
    _, summary, log = finished
    for name in ("pm-book", "pm-user", "bn-ticker"):
        assert f"{name}: connected to wss://" in log and summary["feeds"][name]["connects"] == 1
    book = summary["feeds"]["pm-book"]
    assert book["frames"] > 100 and book["publishes"] > 0 and book["mismatches"] == book["unparsable"] == 0


def test_who_does_not_trust_the_authority_gets_no_further_than_the_start(tmp_path):
    with running_exchange(speed=72, tls=tmp_path / "ca.pem") as exchange:
        desk = DeskProcess([str(Wallet(exchange, tmp_path).conf), "--for", "5"], tmp_path)
        try:
            code, _ = desk.finish(60)
        finally:
            desk.kill()
    assert code == 4 and "certificate" in desk.log.lower()
