"""Which market is live: finds windows, switches from one to the next. A role of its own, off the hot path."""
