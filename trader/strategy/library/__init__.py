"""One file a strategy. Each is a pure function of a StrategyView."""
