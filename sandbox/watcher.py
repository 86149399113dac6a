"""What the stand-ins that watch an API server have in common as processes: a log, an end, and GET /healthz."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Problems = Callable[[], Sequence[str]]
"""What keeps the process from its work at the moment, the watches that are shut above all; nothing when all is well."""


def configure_logging() -> None:
    """Send the log to stderr, from INFO."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its line per request says nothing that the objects do not


def ending() -> threading.Event:
    """An event that is set by SIGTERM and SIGINT; to be called in the main thread."""
    event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: event.set())
    return event


@contextmanager
def answering(host: str, port: int, problems: Problems) -> Iterator[None]:
    """Answer GET /healthz for as long as the block lasts: 200, or 503 with the problems. Raises OSError."""
    with ThreadingHTTPServer((host, port), partial(_Probe, problems)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


class _Probe(BaseHTTPRequestHandler):
    """Answers GET, whatever the path."""

    def __init__(self, problems: Problems, *rest: object) -> None:
        self._problems = problems
        super().__init__(*rest)  # type: ignore[arg-type]  # the server's own three

    def do_GET(self) -> None:
        """200 while there is no problem, 503 otherwise."""
        found = self._problems()
        body = f"not working: {', '.join(found)}\n" if found else "ok\n"
        self.send_response(503 if found else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing of probes."""
