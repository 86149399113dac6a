"""A server that counts the connections it is asked over, for the clients that keep theirs."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

THREADS = 64
"""As many as the sandbox gives a function."""


class Counting:
    """Answers `{}` to `THREADS` requests once all of them are there, so that each needs a connection of its own."""

    def __init__(self, url: str, connections: set[tuple[str, int]]) -> None:
        self.url = url
        self.connections = connections

    def is_asked_by_all(self, ask: Callable[[], object]) -> None:
        """Every thread asks at the same time, and again, and again."""
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in range(3):
                for answer in [pool.submit(ask) for _ in range(THREADS)]:
                    answer.result()


@contextmanager
def counting() -> Iterator[Counting]:
    """The server, on a free port."""
    together = threading.Barrier(THREADS, timeout=30)
    connections: set[tuple[str, int]] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            connections.add(self.client_address)
            together.wait()
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = THREADS
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Counting(f"http://127.0.0.1:{server.server_address[1]}", connections)
        server.shutdown()
