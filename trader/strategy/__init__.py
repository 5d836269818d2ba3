"""Role 4: turns books, reference price and inventory into an intent, 20 times a second and early on a trigger."""
