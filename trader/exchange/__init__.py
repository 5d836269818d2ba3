"""The embedded exchange: a wire-compatible Polymarket on loopback, with a living market in it.

    REST (waitress) ─┐                       ┌─ events ─→ publisher ─→ bounded queues ─→ WebSocket clients
    bots ────────────┼─→ venue (one lock) ─→ engine
    market life ─────┘                       └─ answers ─→ whoever asked

It shares no code with `trader.venues`, so that a misreading of the wire on one side cannot hide on the other.
Imports only `trader.errors`, `trader.model`, `trader.runtime` and its own wire libraries.

With `--state` every command is in a file before its answer (`history`). Faults on order come from one board (`faults`).
What clients did is in the `audit`. docs/exchange.md describes all three.

Not modelled: reward and rebate payments, builder and read-only keys, requests for quotes, price histories.

| thread | does | parks in |
|--|--|--|
| `main` | waits for a signal or the end of the parent's pipe | event wait |
| `rest-io`, `waitress-N` | sockets of the REST port; one handler call each | select; task queue |
| `tls-accept`, `tls-N` | only with `--tls`: new connections; the bytes of one, both ways | accept; poll |
| `ws-accept`, `ws-in-N`, `ws-out-N` | one reader and one writer for each WebSocket client | accept; recv; queue get |
| `publisher` | events → frames, the only owner of the streams' books and subscriptions | queue get |
| `market-life` | price path, windows, settlement, deadlines, bots | event wait with a deadline |
| `state-write` | only with `--state`, now and then: a snapshot in place of a long log | write |
| `parent-pipe` | only under a desk: notices that the parent is gone | read of stdin |
"""
