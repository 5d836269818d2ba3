"""The load generator of the benchmarks: as fast as asked, and its frames are right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SENDER = Path(__file__).parents[2] / "tools/bench/frame_sender.py"


def test_what_is_sent_arrives_and_leads_back_to_the_first_book():
    command = [sys.executable, str(SENDER), "--rate", "5000", "--seconds", "1", "--levels", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        ready = json.loads(sender.stdout.readline())
        frames = []
        with connect(ready["ws_url"], ping_interval=None, close_timeout=0.2) as stream:
            stream.send(json.dumps({"type": "market", "assets_ids": ready["assets_ids"]}))
            try:
                while True:
                    frames.append(json.loads(stream.recv(timeout=10)))
            except ConnectionClosed:
                pass
        done = json.loads(sender.stdout.readline())
    dump, changes = frames[0], frames[1:]
    assert len(changes) == done["sent"] > 2_500
    books = [{level["price"]: level["size"] for level in dump[0]["bids"]}]
    for frame in changes[:2_000]:
        change = frame["price_changes"][0]
        assert change["asset_id"] == ready["assets_ids"][0]
        if change["side"] == "BUY":
            books.append({**books[-1], change["price"]: change["size"]})
    assert books[-1] == books[0] != books[1]
