"""Connections go where the policy looked, and nowhere else."""

from collections.abc import Iterable
from typing import Any

import httpcore
import httpx
import pytest

from shared.oci import HostNotAllowed, HostPolicy
from shared.oci.network import PinnedTransport
from tests.shared.oci.registries import manifest, serving


class Dialled(httpcore.NetworkBackend):
    """Records where connections were opened, and opens none."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.addresses.append(f"{host}:{port}")
        raise httpcore.ConnectError("refused")


class Rebinding:
    """A name server that gives each address once: what is checked is not what a second look-up finds."""

    def __init__(self, *addresses: str) -> None:
        self._answers = list(addresses)
        self.count = 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.count += 1
        return [self._answers.pop(0)]


def test_the_address_that_was_checked_is_the_one_that_is_dialled() -> None:
    names, dialled = Rebinding("93.184.215.14", "127.0.0.1"), Dialled()
    transport = PinnedTransport(HostPolicy(lookup=names), backend=dialled)
    with pytest.raises(httpx.ConnectError):
        transport.handle_request(httpx.Request("GET", "https://rebind.example/"))
    assert dialled.addresses == ["93.184.215.14:443"]
    assert names.count == 1


def test_a_name_that_turns_private_is_refused_at_its_next_connection() -> None:
    names, dialled = Rebinding("93.184.215.14", "127.0.0.1"), Dialled()
    transport = PinnedTransport(HostPolicy(lookup=names), backend=dialled)
    with pytest.raises(httpx.ConnectError):
        transport.handle_request(httpx.Request("GET", "https://rebind.example/"))
    with pytest.raises(HostNotAllowed):
        transport.handle_request(httpx.Request("GET", "https://rebind.example/"))
    assert dialled.addresses == ["93.184.215.14:443"]


def test_every_address_is_tried_in_turn() -> None:
    dialled = Dialled()
    policy = HostPolicy(lookup=lambda host, port: ["2606:4700::1", "93.184.215.14"])
    with pytest.raises(httpx.ConnectError):
        PinnedTransport(policy, backend=dialled).handle_request(httpx.Request("GET", "https://two.example/"))
    assert dialled.addresses == ["2606:4700::1:443", "93.184.215.14:443"]


def test_a_name_without_an_address_or_an_answer() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    for lookup, message in (
        (unknown, "the name no.example is not known"),
        (lambda h, p: [], "no.example has no address"),
    ):
        with pytest.raises(httpx.ConnectError, match=message):
            PinnedTransport(HostPolicy(lookup=lookup)).handle_request(httpx.Request("GET", "https://no.example/"))


def test_a_name_server_that_hangs_is_left_behind() -> None:
    with serving(manifest) as registry:

        def hang(host: str, port: int) -> list[str]:
            registry.stopping.wait(30)
            return []

        request = httpx.Request("GET", "https://slow.example/", extensions={"timeout": httpx.Timeout(0.05).as_dict()})
        with pytest.raises(httpx.ConnectTimeout, match=r"the name slow\.example was not found in time"):
            PinnedTransport(HostPolicy(lookup=hang)).handle_request(request)


def test_connections_are_used_again() -> None:
    with serving(manifest) as registry:
        names: list[str] = []

        def look_up(host: str, port: int) -> list[str]:
            names.append(host)
            return ["127.0.0.1"]

        url = registry.url.replace("127.0.0.1", "registry.test")
        transport = PinnedTransport(HostPolicy([], {"ghcr.io": url}, lookup=look_up))
        for _ in range(3):
            response = transport.handle_request(httpx.Request("GET", f"{url}/v2/"))
            response.read()
            response.close()
        transport.close()
        assert names == ["registry.test"]
        assert registry.asked[0].headers["host"] == url.removeprefix("http://")
