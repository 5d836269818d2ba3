"""Polymarket: CLOB REST, market and user WebSockets, Gamma discovery, order signing (docs/venues/polymarket.md)."""
