"""Which registry hosts may be asked, and at which addresses.

The rule of the architecture: a host that is not allowed is never connected to, and private, loopback and link-local
addresses never are unless listed. Names are checked before a request is built (`endpoint`, `check`); addresses when a
connection is opened (`addresses`), by the resolver's answer that the connection then uses. So an odd spelling of an
address (`2130706433`, `0177.0.0.1`) and a name that changes its mind between check and use come to nothing.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

import httpx

from shared.errors import PermanentError
from shared.oci.reference import is_registry

Lookup = Callable[[str, int], Sequence[str]]
"""Host and port to IP addresses, as text. Raises OSError if the name is unknown."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType({"docker.io": "registry-1.docker.io"})
"""Registries whose API is served by another host than the one in image names."""

REALMS: Final[Mapping[str, str]] = MappingProxyType(
    {"registry-1.docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
)
"""Registries whose tokens are issued by another host: credentials of the first may be shown to the second."""

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NUMBER: Final = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")


class HostNotAllowed(PermanentError):
    """This installation may not ask that host."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="RegistryNotAllowed")


@dataclass(frozen=True)
class Authority:
    """A host (lower case, IPv6 without brackets) and port: what credentials and permissions are bound to."""

    host: str
    port: int = 443

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS["https"] else f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Authority":
        """From `host` or `host:port`; the port is that of https if it is left out. Raises ValueError."""
        if not is_registry(text):
            raise ValueError(f"{text!r} is not a host with an optional port")
        host, colon, port = text.rpartition(":") if re.search(r":[0-9]+$", text) else (text, "", "")
        number = int(port) if colon else _DEFAULT_PORTS["https"]
        if not 0 < number < 1 << 16:
            raise ValueError(f"{text!r} has no valid port")
        return cls(host.strip("[]").lower(), number)

    @classmethod
    def of(cls, url: httpx.URL) -> "Authority":
        """Where a request for `url` connects."""
        port = _DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port
        return cls(url.raw_host.decode("ascii").lower(), port)


def system_lookup(host: str, port: int) -> Sequence[str]:
    """The addresses of `host` by the system's resolver, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class HostPolicy:
    """The registries of one installation.

    `allowed` lists hosts (`ghcr.io`, `registry.corp:5000`) and patterns (`*.example.com`); empty allows every host with
    public addresses. Only a host named in full, or a mirror's endpoint, may have a private address: anybody may hold a
    name that a pattern matches. `mirrors` maps a registry as claims say it to the URL of the endpoint where a process
    connects, the only case in which `http` is accepted. `realms` maps a registry's host to the one that issues its
    tokens. Raises ValueError for a setting that means nothing.
    """

    def __init__(
        self,
        allowed: Iterable[str] = (),
        mirrors: Mapping[str, str] = MappingProxyType({}),
        *,
        realms: Mapping[str, str] = REALMS,
        lookup: Lookup = system_lookup,
    ) -> None:
        entries = list(allowed)
        self._open = not entries
        self._patterns = tuple(entry.lower() for entry in entries if "*" in entry)
        self._realms = {Authority.parse(one): Authority.parse(other) for one, other in realms.items()}
        self._mirrors = {Authority.parse(host): _mirror(host, endpoint) for host, endpoint in mirrors.items()}
        self._mirrored = {Authority.of(url): url.scheme for url in self._mirrors.values()}
        self._named = frozenset(Authority.parse(entry) for entry in entries if "*" not in entry)
        served = self._named | {Authority(ALIASES[one.host]) for one in self._named if one.host in ALIASES}
        self._listed = served | {self._realms[one] for one in served if one in self._realms} | set(self._mirrored)
        self._lookup = lookup

    def endpoint(self, registry: str) -> httpx.URL:
        """The URL (no path) at which to ask for images of `registry`, a host as claims say it.

        Raises `HostNotAllowed`.
        """
        try:
            host = Authority.parse(registry)
        except ValueError as error:
            raise HostNotAllowed(f"registry {error}") from error
        if host in self._mirrors:
            return self._mirrors[host]
        if host in self._mirrored and host not in self._named:
            # The address of a mirror is this installation's own affair: in Git it would mean nothing elsewhere.
            raise HostNotAllowed(f"registry {host} is where a mirror listens: name the registry that it mirrors")
        served = Authority(ALIASES.get(host.host, host.host), host.port)
        self._check_name(served, shown=host)
        try:
            return httpx.URL(f"https://{served}")
        except httpx.InvalidURL as error:
            raise HostNotAllowed(f"registry {host} is not the name of a host") from error

    def check(self, url: httpx.URL) -> None:
        """Raise `HostNotAllowed` unless `url` may be requested, as far as its text can tell."""
        where = Authority.of(url)
        if url.scheme != "https" and self._mirrored.get(where) != url.scheme:
            raise HostNotAllowed(f"registry {where} may only be asked over https")
        if url.userinfo:
            raise HostNotAllowed(f"the address of registry {where} carries a user name")
        self._check_name(where, shown=where)

    def _check_name(self, where: Authority, shown: Authority) -> None:
        if where in self._listed:
            return
        if not self._open and not any(_matches(where, pattern) for pattern in self._patterns):
            raise HostNotAllowed(f"registry {shown} is not one of those that this installation allows")
        literal = _literal(where.host)
        if literal is None and _NUMBER.fullmatch(where.host.rstrip(".").rpartition(".")[2]):
            raise HostNotAllowed(f"registry {shown} is a number, neither a name nor a plain IP address")
        if literal is not None and not is_public(literal):
            raise HostNotAllowed(_private(shown))

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """The IP addresses to connect to for `host`, looked up now.

        Raises `HostNotAllowed` if one of them is not public and the host is not listed, OSError if the lookup fails.
        """
        where = Authority(host.lower(), port)
        found = self._lookup(host, port)
        if where in self._listed:
            return found
        if not all(is_public(ipaddress.ip_address(address)) for address in found):
            raise HostNotAllowed(_private(where))
        return found

    def trusts(self, registry: Authority, realm: Authority) -> bool:
        """Whether credentials of `registry` may be shown to the token service at `realm`."""
        return realm in (registry, self._realms.get(registry))


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether `address` belongs to the public internet, whichever way an IPv4 address is wrapped in it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.sixtofour is not None or address not in _GLOBAL_UNICAST:
            return False  # 6to4 is given up (RFC 7526), and interpreters differ about it
    return address.is_global and not address.is_multicast and not address.is_reserved


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _private(where: Authority) -> str:
    # The address stays out of the message: a claim's author is not to map the inner network by it.
    return f"registry {where} has an address that is not public, and this installation does not list it"


def _matches(where: Authority, pattern: str) -> bool:
    """Whether a pattern such as `*.example.com` or `*.example.com:5000` covers the host."""
    host, colon, port = pattern.rpartition(":")
    if not colon:
        return where.port == _DEFAULT_PORTS["https"] and fnmatchcase(where.host, pattern)
    return port == str(where.port) and fnmatchcase(where.host, host)


def _mirror(host: str, endpoint: str) -> httpx.URL:
    url = httpx.URL(endpoint)
    if url.scheme not in _DEFAULT_PORTS or not url.host or url.userinfo or url.query or url.path not in ("", "/"):
        raise ValueError(f"the mirror of {host} is not an address like http://127.0.0.1:5000")
    return url.copy_with(path="/")
