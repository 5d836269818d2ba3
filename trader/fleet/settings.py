"""`fleet:` of conf.yaml: which markets are watched, over how many connections and processes, and when those are replaced."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class FleetSettings:
    enabled: bool = setting(False, "Watch many markets, in a process tree of its own.")
    alone: bool = setting(False, "Run the fleet without a desk: no key, no orders.")
    num_workers: int = setting(4, "Worker processes that keep the books. Never more than this machine has cores.", low=1, high=64)
    handler_factory: str = setting("", "module:factory of your own handler, one a worker (docs/fleet.md). Empty: books only.")
    tags: str = setting("", "Only events with one of these tag slugs, separated by commas. Empty: all.")
    series: str = setting("", "Only events of these series slugs, separated by commas. Empty: all.")
    link_groups: str = setting("", "Slugs of markets, events or series that move together, joined by +; commas separate groups. Their "
                               "books are in one worker, as those of one event always are.")
    min_volume: float = setting(0.0, "Only markets that have traded at least this much.", unit="$", low=0,
                                high=1_000_000_000_000)
    ends_within_h: float = setting(0.0, "Only markets that end within this time. 0: however late.", unit="h", low=0, high=1_000_000)
    max_markets: int = setting(5000, "Most markets that are watched at once; the earliest to end are taken.", low=1, high=100_000)
    enable_lifecycle: bool = setting(True, "false: discover once at start, and never again.")
    discovery_s: float = setting(60.0, "Time between two full listings.", unit="s", low=0.1, high=86_400)
    expiry_s: float = setting(30.0, "Time between two looks for markets that have ended.", unit="s", low=0.1, high=86_400)
    cleanup_s: float = setting(3600.0, "Time between two removals of ended markets.", unit="s", low=0.1, high=86_400)
    grace_s: float = setting(3600.0, "How long an ended market is kept, from its end.", unit="s", low=0, high=604_800)
    target_assets: int = setting(400, "Outcome tokens with which a connection is opened.", low=2, high=500)
    max_assets: int = setting(500, "Most outcome tokens of a connection: room for stragglers, so that they open none of their own.",
                              low=2, high=500)
    pending_wait_ms: int = setting(1000, "A new market waits at most this long for others before a connection is opened for it.",
                                   unit="ms", low=0, high=60_000)
    quiet_s: float = setting(10.0, "A connection without data this long must send one book on request, or it is frozen.", unit="s",
                             low=0.5, high=3600)
    enable_recycling: bool = setting(True, "false: connections are only reconnected, never replaced.")
    recycle_s: float = setting(60.0, "Time between two looks for connections to replace.", unit="s", low=0.1, high=86_400)
    recycle_pollution: float = setting(0.30, "Share of ended markets from which a connection is replaced.", low=0.01, high=1)
    recycle_age_h: float = setting(24.0, "Age from which a connection is replaced.", unit="h", low=0.001, high=10_000)
    recycle_down_s: float = setting(30.0, "A connection that is down this long, while others are up, is replaced.", unit="s",
                                    low=0.5, high=3600)
    recycle_at_once: int = setting(2, "Most replacements at the same time.", low=1, high=100)
    migrate_s: float = setting(30.0, "A replacement that has not delivered every book within this time is given up.", unit="s",
                               low=0.5, high=3600)
    heartbeat_s: float = setting(5.0, "How often a worker reports; one that is silent three times as long is restarted.", unit="s",
                                 low=0.1, high=600)
    queue_mb: int = setting(16, "Frames that wait for one worker. Beyond, its markets are fetched anew instead of falling behind.",
                            unit="MiB", low=1, high=1024)
    record_dir: str = setting("", "Folder to which every frame of the fleet is written (docs/frames.md). Empty: none.", unit="path")
