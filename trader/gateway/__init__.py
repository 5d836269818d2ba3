"""Role 6: a pool of threads, the only code that sends orders. gateway-0 serves only cancels."""
