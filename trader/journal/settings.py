"""`journal:` of conf.yaml: where the record of every decision, order and fill is kept."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class JournalSettings:
    dir: str = setting("", "Folder of the journals; each wallet has a folder of its own in it, play money another. Empty: "
                       "$XDG_STATE_HOME/trader/journal, else ~/.local/state/trader/journal.", unit="path", env="JOURNAL_DIR")
    max_mb: int = setting(256, "A file that is larger is closed and the next one begun; what is still open is carried over.",
                          unit="MB", low=1, high=100_000)
    keep: int = setting(20, "Files kept of a wallet. Older ones are deleted when a new one begins. Replaying a run needs all files "
                        "of it.", unit="files", low=2, high=10_000)
