"""`python -m sandbox.argocd`: deploy what Git says until SIGTERM; GET /healthz is 200 while every watch is open."""

import argparse
import logging
import signal
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sandbox.argocd.api import ApiError
from sandbox.argocd.controller import POLL, ArgoCD, EngineMissing, Settings
from sandbox.argocd.repositories import Addresses
from sandbox.source import kubeconfig


def main() -> None:
    """Parse the command line and work."""
    arguments = _parser().parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its line per request says nothing that the objects do not
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    try:
        argocd = ArgoCD(_settings(arguments))
        with argocd, ThreadingHTTPServer((arguments.host, arguments.port), partial(_Probe, argocd)) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            ending.wait()
            server.shutdown()
    except (OSError, ValueError, KeyError, ApiError, EngineMissing) as error:
        sys.exit(f"ArgoCD does not start: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.argocd", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="of the probe, GET /healthz")
    parser.add_argument("--data-dir", type=Path, required=True, help="where clones are kept")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="of the API server, a real one or not")
    parser.add_argument("--context", help="the kubeconfig's context, if not its current one")
    parser.add_argument("--namespace", default="argocd", help="where Applications, sets, projects and Secrets are")
    parser.add_argument("--gitea-url", required=True, metavar="URL", help="what Git's addresses begin with")
    parser.add_argument("--gitea-endpoint", metavar="URL", help="where to connect for those, if elsewhere")
    parser.add_argument(
        "--registry-mirror",
        action="append",
        default=[],
        metavar="HOST=URL",
        help="connect to URL for charts of the registry HOST; may be given again",
    )
    parser.add_argument("--poll-interval", type=float, default=POLL, metavar="SECONDS", help="%(default)s as in ArgoCD")
    return parser


def _settings(arguments: argparse.Namespace) -> Settings:
    mirrors = dict(mirror.partition("=")[::2] for mirror in arguments.registry_mirror)
    return Settings(
        cluster=kubeconfig.read(arguments.kubeconfig, context=arguments.context),
        folder=arguments.data_dir / "repositories",
        addresses=Addresses(arguments.gitea_url, arguments.gitea_endpoint or arguments.gitea_url),
        namespace=arguments.namespace,
        mirrors=mirrors,
        poll=arguments.poll_interval,
    )


class _Probe(BaseHTTPRequestHandler):
    """Answers GET /healthz."""

    def __init__(self, argocd: ArgoCD, *rest: object) -> None:
        self._argocd = argocd
        super().__init__(*rest)  # type: ignore[arg-type]  # the server's own three

    def do_GET(self) -> None:
        """200 while every watch is open, 503 otherwise."""
        shut = self._argocd.problems
        body = f"no watch open: {', '.join(shut)}\n" if shut else "ok\n"
        self.send_response(503 if shut else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing of probes."""


if __name__ == "__main__":
    main()
