"""Binance: the reference price that the hourly Bitcoin series settles on (docs/venues/binance.md)."""
