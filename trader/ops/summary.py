"""The account of a run, for people (`summary_text`) and as JSON (`write_summary`). Used by the command line, on the main thread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trader.errors import ConfigError

_LINES = (
    ("ended", "{exit_reason} ({seconds:.1f} s, mode {mode})"),
    ("orders", "{orders_placed} placed, {orders_acked} acknowledged, {orders_rejected} rejected, {orders_cancelled} cancelled"),
    ("fills", "{fills}, volume {volume_usd:.2f} $, fees {fees_usd:.2f} $"),
    ("inventory", "{inventory[yes]:g} YES, {inventory[no]:g} NO"),
    ("result", "{pnl_marked_usd:+.2f} $: {pnl_settled_usd:+.2f} $ settled, the rest marked to the mid"),
    ("fleet", "{fleet[registry][subscribed]} markets, {fleet[router][messages_routed]} frames handed on, "
              "{fleet[router][messages_dropped]} dropped, {fleet[recycler][recycles_completed]} connections replaced"),
    ("open orders", "{open_orders_at_exit}"),
)


def summary_text(summary: dict[str, Any]) -> str:
    """A line each, aligned. What a run did not live to know has no line."""
    if summary.get("open_orders_at_exit", 0) is None:
        summary = summary | {"open_orders_at_exit": "unknown"}
    return "\n".join(f"{label:<12} {text}" for label, form in _LINES for text in [_filled_in(form, summary)] if text)


def write_summary(summary: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def require_writable(path: Path) -> None:
    """Found out before the run, not after it. Leaves no trace when the run never starts."""
    existed = path.exists() or path.is_symlink()
    try:
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        raise ConfigError(f"--summary {path} cannot be written: {error.strerror}.",
                          remedy="Name a file in a folder that exists and is yours.") from error
    if not existed:
        path.unlink()


def _filled_in(form: str, summary: dict[str, Any]) -> str:
    try:
        return form.format_map(summary)
    except (KeyError, TypeError):            # TypeError: the value is None, not known
        return ""
