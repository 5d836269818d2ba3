"""What was decided, sent, answered and filled, in SQLite. One thread writes; anybody may read, also while the desk runs."""
