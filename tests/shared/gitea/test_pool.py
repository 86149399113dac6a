"""Connections are kept for as many requests at a time as a function has threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import SecretStr

from shared.gitea import Gitea

THREADS = 64
"""As many as the sandbox gives a function."""


def test_every_thread_finds_a_connection_again() -> None:
    """All ask at once, and again: the second time nobody shakes hands."""
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
        gitea = Gitea(f"http://127.0.0.1:{server.server_address[1]}", SecretStr("token"), timeout=30)
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in range(3):
                for answer in [pool.submit(gitea.ping) for _ in range(THREADS)]:
                    answer.result()
        gitea.close()
        server.shutdown()
    assert len(connections) == THREADS
