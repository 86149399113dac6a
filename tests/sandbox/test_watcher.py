"""What a probe hears of a stand-in that watches."""

import socket

import httpx

from sandbox import watcher


def test_a_probe_hears_of_problems_while_there_are_some() -> None:
    problems: list[str] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with watcher.answering("127.0.0.1", port, lambda: problems), httpx.Client(base_url=address) as client:
        well = client.get("/healthz")
        problems.append("applications")
        ill = client.get("/healthz")
    assert (well.status_code, well.text) == (200, "ok\n")
    assert (ill.status_code, ill.text) == (503, "not working: applications\n")
