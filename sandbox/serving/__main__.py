"""`python -m sandbox.serving`: follow the installation until SIGTERM; GET /healthz is 200 while every watch is open."""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Final

from sandbox import watcher
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
    watcher.configure_logging()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        bell = Bell(arguments.kubeconfig, SELECTOR)
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"--kubeconfig: {error}")
    with watcher.answering(arguments.host, arguments.port, lambda: bell.shut):
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


if __name__ == "__main__":
    main()
