"""The dashboard as one self-contained document, put together once from `page/`: no build step, no request beyond this server."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import NamedTuple

_STYLES = ("style.css",)
_SCRIPTS = ("charts.js", "live.js")


class Document(NamedTuple):
    html: bytes
    policy: str              # Content-Security-Policy: exactly this style and this script, and requests to this server only


def load_document() -> Document:
    folder = files("trader.ops") / "page"
    style, script = ("\n" + "\n".join((folder / name).read_text("utf-8") for name in names) for names in (_STYLES, _SCRIPTS))
    frame = (folder / "index.html").read_text("utf-8")
    html = frame.replace("<style></style>", f"<style>{style}</style>").replace("<script></script>", f"<script>{script}</script>")
    policy = (f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; img-src data:; "
              "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    return Document(html.encode(), policy)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
