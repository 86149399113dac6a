"""`python -m sandbox.node`: run our own Jobs and Pods until SIGTERM; GET /healthz is 200 while every watch is open."""

import argparse
import logging
import signal
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sandbox.argocd.api import ApiError
from sandbox.node.node import SYNC, Node, Settings


def main() -> None:
    """Parse the command line and work."""
    arguments = _parser().parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its line per request says nothing that the objects do not
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    try:
        settings = Settings(
            arguments.kubeconfig, arguments.data_dir, arguments.back_off, arguments.sync, arguments.logs
        )
        with (
            Node(settings) as node,
            ThreadingHTTPServer((arguments.host, arguments.port), partial(_Probe, node)) as server,
        ):
            threading.Thread(target=server.serve_forever, daemon=True).start()
            ending.wait()
            server.shutdown()
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


class _Probe(BaseHTTPRequestHandler):
    """Answers GET /healthz."""

    def __init__(self, node: Node, *rest: object) -> None:
        self._node = node
        super().__init__(*rest)  # type: ignore[arg-type]  # the server's own three

    def do_GET(self) -> None:
        """200 while every watch is open, 503 otherwise."""
        shut = self._node.problems
        body = f"not working: {', '.join(shut)}\n" if shut else "ok\n"
        self.send_response(503 if shut else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing of probes."""


if __name__ == "__main__":
    main()
