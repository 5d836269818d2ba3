"""Role 5: the only writer of orders, inventory and mode. A pure core, carried by one thread."""
