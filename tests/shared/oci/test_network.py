"""Connections go where the policy looked, and nowhere else."""

import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.oci import HostNotAllowed, HostPolicy, Resolved, Resolver, Unavailable, parse
from shared.oci.network import PinnedTransport
from tests.shared.oci.registries import DIGEST, manifest, serving


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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for registry.test, with its key, as one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry.test")])
    now = datetime.now(tz=UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("registry.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "registry.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def test_tls_proves_the_name_although_an_address_is_dialled(certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    with serving(manifest, tls=server) as registry:
        port = registry.host.rpartition(":")[2]
        policy = HostPolicy([f"registry.test:{port}", f"thief.test:{port}"], lookup=lambda h, p: ["127.0.0.1"])
        transport = PinnedTransport(policy, ssl_context=ssl.create_default_context(cafile=str(certificate)))
        with Resolver(policy=policy, transport=transport) as resolver:
            assert resolver.resolve(parse(f"registry.test:{port}/shop", "1")) == Resolved(DIGEST)
            stolen = resolver.resolve(parse(f"thief.test:{port}/shop", "1"))
            assert isinstance(stolen, Unavailable)
            assert "certificate verify failed: Hostname mismatch" in stolen.message
