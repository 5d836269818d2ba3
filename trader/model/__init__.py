"""Immutable nouns that cross threads. No I/O, no clock, no threads; imports only `trader.errors`."""
