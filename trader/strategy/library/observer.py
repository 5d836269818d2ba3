"""Watches and quotes nothing: books, fair price and statistics of a market that is not to be traded. Pure; strategy thread."""

from __future__ import annotations

from trader.model.intent import Mode, Quote, StrategyView


class Observer:
    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        return Mode.STOP, (), "observer: watches, never quotes"
