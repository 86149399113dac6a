"""`python -m sandbox.broker`: serve until SIGTERM."""

import argparse
import logging
import signal
import sys
from pathlib import Path

import uvicorn

from sandbox.broker.app import create_app
from sandbox.broker.config import Watched
from sandbox.broker.load import Bounds


def main() -> None:
    """Parse the command line and serve."""
    defaults = Bounds()
    parser = argparse.ArgumentParser(prog="python -m sandbox.broker", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, help="accepted like every stand-in's; the broker keeps nothing")
    parser.add_argument("--config", type=Path, required=True, help="triggers.yaml, read again as it changes")
    parser.add_argument("--concurrency", type=int, default=defaults.concurrency, help="requests at a time per trigger")
    parser.add_argument(
        "--max-deliveries", type=int, default=defaults.deliveries, help="under way to one subscriber; beyond: 503"
    )
    parser.add_argument(
        "--max-bytes", type=int, default=defaults.size, help="of events under way to one subscriber; beyond: 503"
    )
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its line per request would double the functions' own
    try:
        config = Watched(arguments.config)
    except (OSError, ValueError) as error:
        sys.exit(f"--config: {error}")
    app = create_app(
        config,
        url=f"http://{arguments.host}:{arguments.port}",
        bounds=Bounds(deliveries=arguments.max_deliveries, size=arguments.max_bytes, concurrency=arguments.concurrency),
    )
    # When it has stopped, uvicorn raises the signal again for whoever handled it before: that is a clean end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
