"""`python -m sandbox.serving`: follow the installation until SIGTERM; GET /healthz is 200 while every watch is open."""

import argparse
import logging
import signal
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from sandbox.serving.bell import Bell

SELECTOR: Final = "app.kubernetes.io/part-of=infraforge"
_GATHER: Final = 0.3
"""Seconds in which changes that come together are taken together: an upgrade writes one object after another."""
_REAP: Final = 5.0

log = logging.getLogger("sandbox.serving")


def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.serving", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="of the probe, GET /healthz")
    parser.add_argument("--data-dir", type=Path, help="accepted like every stand-in's; nothing is kept")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="of the sandbox's API server")
    parser.add_argument("--root", type=Path, required=True, help="the sandbox's directory")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its line per request says nothing that the objects do not
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        bell = Bell(arguments.kubeconfig, SELECTOR)
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"--kubeconfig: {error}")
    with ThreadingHTTPServer((arguments.host, arguments.port), partial(_Probe, bell)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bell.start()
        _work(arguments.root, bell)


def _work(root: Path, bell: Bell) -> None:
    from sandbox.serving.rollout import Rollout  # noqa: PLC0415 - the probe is answered while this is read

    rollout = Rollout(root)
    gather = threading.Event()
    while True:
        if bell.rung.wait(_REAP):
            gather.wait(_GATHER)  # see above
            bell.rung.clear()
            try:
                rollout.look()
            except Exception:  # whatever it is: the next change may be in order
                log.exception("the installation could not be followed")
        rollout.reap()


class _Probe(BaseHTTPRequestHandler):
    """Answers GET /healthz."""

    def __init__(self, bell: Bell, *rest: object) -> None:
        self._bell = bell
        super().__init__(*rest)  # type: ignore[arg-type]  # the server's own three

    def do_GET(self) -> None:
        """200 while every watch is open, 503 otherwise."""
        shut = self._bell.shut
        body = f"no watch open: {', '.join(shut)}\n" if shut else "ok\n"
        self.send_response(503 if shut else 200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """A probe is nothing to tell of."""


if __name__ == "__main__":
    main()
