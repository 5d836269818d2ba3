"""1,000+ markets over pooled connections and worker processes: a process tree of its own (docs/fleet.md)."""
