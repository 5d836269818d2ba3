"""`trader exchange keys`: what it says when there is nothing to be had. What it gives is in tests/system."""

from __future__ import annotations

import pytest

from trader.errors import ConfigError, VenueUnreachable
from trader.exchange.keys import funded_keys
from trader.exchange.serve import main


@pytest.mark.parametrize(("arguments", "error", "text"), [
    (["--url", "8080"], ConfigError, "--url: was '8080', must be http://host:port"),
    (["--url", "http://127.0.0.1:80a"], ConfigError, "--url: was 'http://127.0.0.1:80a', must be http://host:port"),
    (["--url", "https://127.0.0.1:1", "--ca-file", "/no/such.pem"], ConfigError, "--ca-file: /no/such.pem cannot be used"),
    (["--url", "http://127.0.0.1:1"], VenueUnreachable, "no embedded exchange answers at http://127.0.0.1:1"),
])
def test_what_is_wrong_is_said_with_what_to_do(arguments, error, text):
    with pytest.raises(error, match=text):
        funded_keys(arguments)


def test_the_command_ends_with_the_exit_code_of_its_error(capsys):
    assert main(["keys", "--url", "8080"]) == ConfigError.exit_code
    assert "Copy rest_url" in capsys.readouterr().err
