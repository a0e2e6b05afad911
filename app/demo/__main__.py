"""`python -m app.demo`: serves the demo partner on loopback until it is told to end."""

import argparse
from pathlib import Path

from aiohttp import web

from app.adapters.clock import SystemClock
from app.demo.keys import DemoKeys
from app.demo.server import build_demo


def main() -> None:
    """Serve the demo partner."""
    parser = argparse.ArgumentParser(prog="python -m app.demo", description="The demo partner of Vestibule.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True, help="where its keys are kept")
    parser.add_argument("--service-url", required=True, help="how browsers reach Vestibule")
    chosen = parser.parse_args()
    app = build_demo(DemoKeys.load(chosen.data_dir), chosen.service_url, SystemClock())
    # No access log: the addresses it would show are answered with tokens.
    web.run_app(app, host="127.0.0.1", port=chosen.port, access_log=None, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
