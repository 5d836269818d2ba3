"""What an operator sees and does: stats, thread dumps, the control socket."""
