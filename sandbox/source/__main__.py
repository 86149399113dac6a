"""`python -m sandbox.source`: watch and ping until SIGTERM."""

import argparse
import logging
import signal
import sys
from pathlib import Path

import uvicorn

from sandbox.source import kubeconfig
from sandbox.source.app import create_app
from sandbox.source.config import load


def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.source", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="of the probe, GET /healthz")
    parser.add_argument("--data-dir", type=Path, help="accepted like every stand-in's; the sources keep nothing")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="of the API server to watch, a real one or not")
    parser.add_argument("--context", help="the kubeconfig's context, if not its current one")
    parser.add_argument("--sink", required=True, metavar="URL", help="where to POST the events")
    parser.add_argument("--config", type=Path, required=True, help="sources.yaml")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its line per request says nothing that the broker does not
    try:
        config = load(arguments.config)
        cluster = kubeconfig.read(arguments.kubeconfig, context=arguments.context)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"--config or --kubeconfig: {error}")
    # When it has stopped, uvicorn raises the signal again for whoever handled it before: that is a clean end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        create_app(config, cluster=cluster, sink=arguments.sink),
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
