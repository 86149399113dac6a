"""Webhook deliveries: order, patience, and which addresses are allowed."""

import asyncio
import threading
from pathlib import Path

import pytest

from sandbox.gitea.delivery import Deliveries, running
from sandbox.gitea.store import Hook, Store
from tests.sandbox.gitea.server import Arrival, Receiver


def deliver(
    directory: Path, urls: list[str], *, hosts: str = "loopback", timeout: float = 5.0, delay: float = 0
) -> None:
    """One event to hooks with these addresses, and wait until it is dealt with."""

    async def once() -> None:
        store = Store(directory / "gitea.db")
        deliveries = Deliveries(store, delay=delay, hosts=hosts, timeout=timeout)
        hooks = [store.hooks.put(Hook(number, url, "json", "", ["push"], True)) for number, url in enumerate(urls, 1)]
        async with running(deliveries):
            deliveries.submit(hooks, "push", payload)
            await deliveries.idle()
        store.close()

    asyncio.run(once())


async def payload() -> dict[str, str]:
    return {"text": "<&>"}


def test_a_hanging_receiver_holds_up_the_rest_until_the_time_is_over(tmp_path: Path, receiver: Receiver) -> None:
    """The second hook is told when the first one's time is over, and the first is not told again."""
    release = threading.Event()

    def answer(arrival: Arrival) -> int:
        return 200 if arrival.path != "/slow" or release.wait(10) else 500

    receiver.answer = answer
    url = f"http://127.0.0.1:{receiver.port}"
    deliver(tmp_path, [f"{url}/slow", f"{url}/next"], timeout=0.3)
    release.set()
    slow, following = receiver.wait(2)
    assert [slow.path, following.path] == ["/slow", "/next"]
    assert following.at - slow.at >= 0.25


def test_a_failure_is_not_tried_again(tmp_path: Path, receiver: Receiver) -> None:
    """A 500 is an answer like any other."""
    receiver.answer = lambda arrival: 500
    deliver(tmp_path, [f"http://127.0.0.1:{receiver.port}/once", f"http://127.0.0.1:{receiver.port}/after"])
    assert [one.path for one in receiver.wait(2)] == ["/once", "/after"]


def test_html_in_a_payload_is_escaped_as_go_does(tmp_path: Path, receiver: Receiver) -> None:
    """The signature covers these bytes, so they must be the same ones."""
    deliver(tmp_path, [f"http://127.0.0.1:{receiver.port}/"])
    assert receiver.wait(1)[0].body == b'{\n  "text": "\\u003c\\u0026\\u003e"\n}'


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        pytest.param("loopback", True, id="the default of the sandbox"),
        pytest.param("external", False, id="Gitea's default, which refuses this machine"),
        pytest.param("private", False, id="loopback is not private"),
        pytest.param("*", True, id="everything"),
        pytest.param("hooks.example.com, 127.0.0.*", True, id="a glob of the host's name"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_allowed_hosts(tmp_path: Path, receiver: Receiver, hosts: str, told: bool) -> None:
    """Gitea's words for addresses mean here what they mean there."""
    deliver(tmp_path, [f"http://127.0.0.1:{receiver.port}/"], hosts=hosts)
    assert len(receiver.arrivals) == (1 if told else 0)
