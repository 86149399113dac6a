"""`python -m sandbox.node`: run our own Jobs and Pods until SIGTERM; GET /healthz is 200 while every watch is open."""

import argparse
import sys
from pathlib import Path

from sandbox import watcher
from sandbox.argocd.api import ApiError
from sandbox.node.node import SYNC, Node, Settings


def main() -> None:
    """Parse the command line and work."""
    arguments = _parser().parse_args()
    watcher.configure_logging()
    ending = watcher.ending()
    try:
        settings = Settings(
            arguments.kubeconfig, arguments.data_dir, arguments.back_off, arguments.sync, arguments.logs
        )
        with Node(settings) as node, watcher.answering(arguments.host, arguments.port, lambda: node.problems):
            ending.wait()
    except (OSError, ValueError, KeyError, ApiError) as error:
        sys.exit(f"the node does not start: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.node",
        description=__doc__,
        epilog="Not covered: probes, resource limits, security contexts, sidecars, volumes other than secret, "
        "configMap, downwardAPI, projected and emptyDir, indexed Jobs, pod failure policies.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="of the probe, GET /healthz")
    parser.add_argument("--data-dir", type=Path, required=True, help="where volumes, tokens and containers' logs are")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="of the sandbox's API server, an admin's")
    parser.add_argument(
        "--back-off", type=float, default=1.0, metavar="SECONDS", help="first pause after a failure (%(default)s)"
    )
    parser.add_argument(
        "--sync", type=float, default=SYNC, metavar="SECONDS", help="between looks at tokens' ages (%(default)s)"
    )
    parser.add_argument(
        "--logs", type=Path, help="folder of NAMESPACE/POD/CONTAINER.log, the API server's --pod-logs (DATA_DIR/logs)"
    )
    return parser


if __name__ == "__main__":
    main()
