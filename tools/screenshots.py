"""Pictures of the dashboard for README and docs/: an embedded desk trades for a while, and Chromium photographs its page.

    python tools/screenshots.py [--seconds 100] [--folder docs/images]

Needs chromium and chromedriver (`tools/test` installs them on Debian). Writes dashboard-light.png and dashboard-dark.png
(1440 × 900) and dashboard-phone.png (390 × 844).
"""

from __future__ import annotations

import argparse
import base64
import logging
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.browser import LAPTOP, PHONE, headless_chromium, show_as
from trader import Trader
from trader.config import load_config

ROOT = Path(__file__).parents[1]
PICTURES = (("dashboard-light", LAPTOP, "light"), ("dashboard-dark", LAPTOP, "dark"), ("dashboard-phone", PHONE, "dark"))
SETTLE_S = 2.0               # one more poll after the size has changed


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=100, help="of trading before the first picture")
    arguments.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    options = arguments.parse_args()
    logging.basicConfig(level=logging.WARNING)
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="t-") as scratch:
        overrides = ("ops.status_port=0", f"ops.control_dir={scratch}", f"journal.dir={scratch}/journal")
        with Trader(load_config(ROOT / "conf.yaml.example", env={}, overrides=overrides)) as trader, headless_chromium() as browser:
            trader.wait(options.seconds)
            browser.get(trader.stats()["status_url"])
            for name, size, scheme in PICTURES:
                show_as(browser, size, scheme)
                trader.wait(SETTLE_S)
                picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
                (options.folder / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    main()
