"""How a role runs: clock, pacer, back-off, the thread shell and the supervisor. Knows nothing of trading."""
