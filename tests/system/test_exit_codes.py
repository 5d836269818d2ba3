"""What a newcomer does wrong: one clear message and an exit code of its own (docs/errors.md)."""

import socket

ERRORS = {"config": 2, "auth": 3, "unreachable": 4, "port": 5, "locked": 9}


def ended(desk):
    code, _ = desk.finish(30)
    return code, desk.said[-1] if desk.said else ""


def test_a_wrong_key_in_the_file(start_desk, tmp_path):
    conf = tmp_path / "conf.yaml"
    conf.write_text("mode: embedded\nstrategy:\n  strategy_hzz: 20\n")
    desk = start_desk(conf)
    code, _ = ended(desk)
    assert code == ERRORS["config"]
    assert "strategy_hzz" in desk.log and "did you mean" in desk.log and "line 3" in desk.log


def test_a_bad_number(start_desk, tmp_path):
    conf = tmp_path / "conf.yaml"
    conf.write_text("strategy: {strategy_hz: 0}\n")
    desk = start_desk(conf)
    assert ended(desk)[0] == ERRORS["config"] and "was 0" in desk.log


def test_a_refused_credential(start_desk, wallet):
    desk = start_desk(wallet.conf, "--set", "polymarket.api_key=00000000-0000-0000-0000-000000000000",
                      "--set", "polymarket.api_secret=c2VjcmV0c2VjcmV0", "--set", "polymarket.passphrase=wrong")
    code, _ = ended(desk)
    assert code == ERRORS["auth"], desk.log
    assert "polymarket.api_key" in desk.log and "c2VjcmV0" not in desk.log


def test_a_port_in_use(start_desk):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        desk = start_desk("conf.yaml.example", "--set", f"exchange.port={port}")
        code, last = ended(desk)
        assert code == ERRORS["port"], desk.log
        assert str(port) in last


def test_no_exchange_there(start_desk, wallet):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    desk = start_desk(wallet.conf, "--set", f"polymarket.clob_url=http://127.0.0.1:{port}")
    code, last = ended(desk)
    assert code == ERRORS["unreachable"], desk.log
    assert str(port) in last


def test_a_second_desk_with_the_same_key(start_desk, wallet):
    first = start_desk(wallet.conf)
    first.wait_for("quoting starts")
    second = start_desk(wallet.conf)
    code, last = ended(second)
    assert code == ERRORS["locked"] and str(first.pid) in last, second.log
    assert first.interrupt()[0] == 0
    assert wallet.key not in second.log + first.log
