"""Who may be asked: names, addresses, mirrors and patterns."""

import contextlib
from ipaddress import ip_address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oci import Authority, HostNotAllowed, HostPolicy
from shared.oci.hosts import is_public, system_lookup


def nobody(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host} was looked up")


@pytest.mark.parametrize(
    ("address", "public", "reason"),
    [
        ("8.8.8.8", True, "an ordinary address"),
        ("2606:4700::1111", True, "an ordinary IPv6 address"),
        ("64:ff9b::808:808", True, "NAT64 of a public address, as DNS64 hands out"),
        ("2002:808:808::1", False, "6to4: given up, whatever address is in it"),
        ("127.0.0.1", False, "loopback"),
        ("127.255.0.9", False, "the rest of loopback"),
        ("10.1.2.3", False, "private"),
        ("172.31.0.1", False, "private"),
        ("192.168.0.1", False, "private"),
        ("169.254.169.254", False, "link-local: the metadata service of clouds"),
        ("100.64.0.1", False, "carrier-grade NAT"),
        ("198.18.0.1", False, "benchmarking"),
        ("192.0.2.1", False, "documentation"),
        ("224.0.0.1", False, "multicast"),
        ("240.0.0.1", False, "reserved"),
        ("255.255.255.255", False, "broadcast"),
        ("0.0.0.0", False, "unspecified, which Linux connects to itself"),  # noqa: S104 - nothing is bound
        ("::", False, "unspecified"),
        ("::1", False, "loopback"),
        ("::ffff:127.0.0.1", False, "loopback, mapped"),
        ("::ffff:10.0.0.1", False, "private, mapped"),
        ("::127.0.0.1", False, "loopback, in the old compatible form"),
        ("64:ff9b::7f00:1", False, "loopback behind NAT64"),
        ("64:ff9b:1::7f00:1", False, "local NAT64"),
        ("2002:7f00:1::", False, "loopback in 6to4"),
        ("2001::1", False, "Teredo"),
        ("2001:db8::1", False, "documentation"),
        ("fe80::1", False, "link-local"),
        ("fe80::1%eth0", False, "link-local with a zone"),
        ("fc00::1", False, "unique local"),
        ("fec0::1", False, "site-local"),
        ("ff0e::1", False, "global multicast"),
        ("5f00::1", False, "outside of global unicast"),
    ],
)
def test_public_addresses(address: str, public: bool, reason: str) -> None:
    assert is_public(ip_address(address)) is public, reason


@pytest.mark.parametrize(
    ("registry", "allowed", "message", "reason"),
    [
        ("ghcr.io", (), None, "without a list every public host may be asked"),
        ("ghcr.io", ("ghcr.io",), None, "listed"),
        ("ghcr.io:443", ("ghcr.io",), None, "443 is the port of https"),
        ("eu.gcr.io", ("*.gcr.io",), None, "listed by a pattern"),
        ("a.corp:5000", ("*.corp:5000",), None, "a pattern with a port"),
        ("127.0.0.1:5000", ("127.0.0.1:5000",), None, "a private address that is listed"),
        ("[fc00::1]:5000", ("[fc00::1]:5000",), None, "a private IPv6 address that is listed"),
        ("quay.io", ("ghcr.io",), "registry quay.io is not one of those that this installation allows", "not listed"),
        (
            "ghcr.io:8443",
            ("ghcr.io",),
            "registry ghcr.io:8443 is not one of those that this installation allows",
            "another port is another service",
        ),
        (
            "evilgcr.io",
            ("*.gcr.io",),
            "registry evilgcr.io is not one of those that this installation allows",
            "the pattern's dot counts",
        ),
        (
            "127.0.0.1:5000",
            (),
            "registry 127.0.0.1:5000 has an address that is not public, and this installation does not list it",
            "loopback",
        ),
        (
            "[::ffff:7f00:1]",
            (),
            "registry [::ffff:7f00:1] has an address that is not public, and this installation does not list it",
            "loopback as IPv6",
        ),
        (
            "10.0.0.1:5000",
            ("*:5000",),
            "registry 10.0.0.1:5000 has an address that is not public, and this installation does not list it",
            "a pattern allows names, no private addresses",
        ),
        (
            "2130706433:80",
            (),
            "registry 2130706433:80 is a number, neither a name nor a plain IP address",
            "127.0.0.1 as one decimal number",
        ),
        (
            "0x7f.1:80",
            (),
            "registry 0x7f.1:80 is a number, neither a name nor a plain IP address",
            "127.0.0.1 in two parts",
        ),
        (
            "0177.0.0.1:80",
            (),
            "registry 0177.0.0.1:80 is a number, neither a name nor a plain IP address",
            "127.0.0.1 with an octal part",
        ),
        (
            "0x7f000001:80",
            (),
            "registry 0x7f000001:80 is a number, neither a name nor a plain IP address",
            "127.0.0.1 in hexadecimal",
        ),
        (
            "docker.io",
            ("ghcr.io",),
            "registry docker.io is not one of those that this installation allows",
            "named as the claim does, not by the host that serves it",
        ),
        ("[:::]:80", (), "registry [:::]:80 is not the name of a host", "no IPv6 address"),
        (
            "bob@ghcr.io",
            (),
            "registry 'bob@ghcr.io' is not a host with an optional port",
            "a user name before the host",
        ),
        ("ghcr.io:0", (), "registry 'ghcr.io:0' has no valid port", "port 0"),
        ("ghcr.io:65536", (), "registry 'ghcr.io:65536' has no valid port", "a port beyond the last"),
    ],
)
def test_registries_by_their_name(registry: str, allowed: tuple[str, ...], message: str | None, reason: str) -> None:
    policy = HostPolicy(allowed, lookup=nobody)
    if message is None:
        assert policy.endpoint(registry).scheme == "https", reason
        return
    with pytest.raises(HostNotAllowed) as refused:
        policy.endpoint(registry)
    assert str(refused.value) == message, reason
    assert refused.value.reason == "RegistryNotAllowed"


@pytest.mark.parametrize(
    ("url", "message", "reason"),
    [
        ("http://ghcr.io/token", "registry ghcr.io:80 may only be asked over https", "no plain http to the internet"),
        ("http://ghcr.io:443/token", "registry ghcr.io may only be asked over https", "nor on the port of https"),
        ("ftp://ghcr.io/token", "registry ghcr.io:0 may only be asked over https", "another scheme"),
        ("file:///etc/passwd", "registry :0 may only be asked over https", "no host at all"),
        ("https://u:p@ghcr.io/", "the address of registry ghcr.io carries a user name", "credentials in a URL"),
        (
            "https://169.254.169.254/latest",
            "registry 169.254.169.254 has an address that is not public, and this installation does not list it",
            "the metadata service",
        ),
        (
            "https://[fe80::1]/",
            "registry [fe80::1] has an address that is not public, and this installation does not list it",
            "link-local",
        ),
        (
            "https://127.1/",
            "registry 127.1 is a number, neither a name nor a plain IP address",
            "loopback in short",
        ),
    ],
)
def test_urls_that_a_registry_sends_us_to(url: str, message: str, reason: str) -> None:
    with pytest.raises(HostNotAllowed) as refused:
        HostPolicy(lookup=nobody).check(httpx.URL(url))
    assert str(refused.value) == message, reason


def test_docker_hub_is_served_by_other_hosts_than_its_name() -> None:
    policy = HostPolicy(["docker.io"], lookup=nobody)
    assert policy.endpoint("docker.io") == "https://registry-1.docker.io"
    policy.check(httpx.URL("https://auth.docker.io/token"))
    with pytest.raises(HostNotAllowed):
        policy.check(httpx.URL("https://hub.docker.io/"))


def test_a_mirror_is_asked_in_the_place_of_its_registry() -> None:
    policy = HostPolicy(["quay.io"], {"ghcr.io": "http://127.0.0.1:5000"}, lookup=nobody)
    assert policy.endpoint("ghcr.io") == "http://127.0.0.1:5000/"
    policy.check(httpx.URL("http://127.0.0.1:5000/token"))
    with pytest.raises(HostNotAllowed, match="only be asked over https"):
        policy.check(httpx.URL("http://127.0.0.1:5001/token"))


def test_a_claim_cannot_name_the_mirror_itself() -> None:
    policy = HostPolicy([], {"ghcr.io": "http://127.0.0.1:5000"}, lookup=nobody)
    with pytest.raises(HostNotAllowed, match="is where a mirror listens: name the registry that it mirrors"):
        policy.endpoint("127.0.0.1:5000")
    itself = HostPolicy([], {"127.0.0.1:5000": "http://127.0.0.1:5000"}, lookup=nobody)
    assert itself.endpoint("127.0.0.1:5000") == "http://127.0.0.1:5000/"


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:5000", "ftp://a.b", "http://u:p@a.b", "http://a.b/v2", "http://a.b?x=1", "http://"]
)
def test_a_mirror_that_means_nothing_is_a_wrong_setting(endpoint: str) -> None:
    with pytest.raises((ValueError, httpx.InvalidURL)):
        HostPolicy([], {"ghcr.io": endpoint})


@pytest.mark.parametrize(
    ("found", "allowed", "refused", "reason"),
    [
        (["8.8.8.8", "2606:4700::1"], (), False, "all public"),
        (["8.8.8.8", "127.0.0.1"], (), True, "one of them is loopback: that is an attack or a mistake"),
        (["fe80::1%eth0"], (), True, "link-local with a zone"),
        (["10.0.0.1"], ("registry.corp",), False, "listed by its full name"),
        (["10.0.0.1"], ("*.corp",), True, "listed by a pattern only"),
    ],
)
def test_addresses_when_a_connection_is_opened(
    found: list[str], allowed: tuple[str, ...], refused: bool, reason: str
) -> None:
    policy = HostPolicy(allowed, lookup=lambda host, port: found)
    if refused:
        with pytest.raises(HostNotAllowed) as error:
            policy.addresses("registry.corp", 443)
        assert not any(address in str(error.value) for address in found), "the inner network is nobody's business"
    else:
        assert policy.addresses("registry.corp", 443) == found, reason


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost"])
def test_what_the_system_makes_of_odd_spellings_is_refused(host: str) -> None:
    """Even if the check by name overlooked one, the address decides."""
    assert system_lookup(host, 80)[0] in ("127.0.0.1", "::1")
    with pytest.raises(HostNotAllowed):
        HostPolicy().addresses(host, 80)


def test_credentials_are_trusted_to_the_host_itself_and_its_known_token_service() -> None:
    policy = HostPolicy()
    ghcr, hub = Authority("ghcr.io"), Authority("registry-1.docker.io")
    assert policy.trusts(ghcr, Authority("ghcr.io"))
    assert policy.trusts(hub, Authority("auth.docker.io"))
    assert not policy.trusts(ghcr, Authority("auth.docker.io"))
    assert not policy.trusts(ghcr, Authority("ghcr.io", 8443))
    assert not policy.trusts(ghcr, Authority("ghcr.io."))


@given(st.text(alphabet="0aAxf.:-[]%@/ é", max_size=24))
def test_a_name_is_allowed_or_not_allowed_and_nothing_else_happens(registry: str) -> None:
    with contextlib.suppress(HostNotAllowed):
        assert HostPolicy(lookup=nobody).endpoint(registry).scheme == "https"
