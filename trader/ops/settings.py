"""`ops:` of conf.yaml: log and control socket."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class OpsSettings:
    log_level: str = setting("INFO", "How much is logged.", choices=("DEBUG", "INFO", "WARNING", "ERROR"), env="LOG_LEVEL")
    control_dir: str = setting("", "Folder of the owner-only control socket. Empty: $XDG_RUNTIME_DIR/trader, else a folder of "
                               "your user's below the temporary directory.", unit="path")
