"""What `bindings` of an application come to: the values that its chart gets, and the Secrets that its pods read. Pure.

A PlatformClaim's services become offers; an application's bindings are held against them. The embedded charts
take `bindings: {<name>: {host, port, database, username, secretName, secretKey, namespace, release}}` and make of it
`<NAME>_HOST`, `<NAME>_PORT` … and a rule of the NetworkPolicy; a chart of another source gets the same values.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared import leaks
from shared.claims import Application, PlatformClaim, Service, service_release
from shared.drafts import Hold
from shared.wording import listed

BINDINGS: Final = "bindings"
"""The name of the field in a claim, and of the value that the charts take."""
UNKNOWN: Final = "BindingUnknown"
"""The reason of an application that is bound to what its environment does not offer."""
CONFLICT: Final = "BindingConflict"
"""The reason of an application whose values say something of a binding themselves."""
PASSWORD: Final = "password"  # noqa: S105 - the key of a Secret, not what is in it

MAX_NAMED: Final = 20
_MAX_NAME: Final = 52
"""The longest name that the platform charts give an object unshortened."""
_HOST: Final = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_VARIABLE: Final = r"[a-z].*"
_MAX_PORT: Final = 65535


@dataclass(frozen=True)
class _Defaults:
    """What a platform chart does where the service's values say nothing; None where it knows no such thing."""

    port: int
    username: str | None = None
    database: str | None = None


CHARTS: Final[Mapping[str, _Defaults]] = {
    "kafka": _Defaults(9092, username="kafka"),
    "postgres": _Defaults(5432, username="postgres", database="app"),
    "rabbitmq": _Defaults(5672, username="rabbitmq"),
    "redis": _Defaults(6379),
}


@dataclass(frozen=True)
class Offer:
    """A service as applications reach it. `secret` lies in `namespace`; what runs elsewhere may have none."""

    release: str
    namespace: str
    host: str
    port: int
    database: str | None = None
    username: str | None = None
    secret: str | None = None
    is_internal: bool = True


@dataclass(frozen=True)
class Services:
    """What the PlatformClaim of an environment offers: each service's offer, or why it cannot be bound to.

    Two that are equal bind every application in the same way.
    """

    offers: tuple[tuple[str, Offer | str], ...]

    @property
    def by_name(self) -> dict[str, Offer | str]:
        """The same as a map, in the claim's order."""
        return dict(self.offers)


@dataclass(frozen=True, order=True)
class Grant:
    """A Secret that an application's pods read as `name` in `namespace`, and where its password comes from."""

    namespace: str
    name: str
    source_namespace: str
    source: str

    @property
    def is_copy(self) -> bool:
        """Whether it has to be brought there: a pod reads Secrets of its own namespace alone."""
        return self.namespace != self.source_namespace


@dataclass
class Bound:
    """Each by the application's name: the values of its bindings, the Secrets behind them, or why it is held back."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    grants: dict[str, tuple[Grant, ...]] = field(default_factory=dict)
    held: dict[str, Hold] = field(default_factory=dict)


def auth_secret(release: str) -> str:
    """The name of the Secret with a service's password, which the platform function makes."""
    return f"{release}-auth"


def existing_secret(service: Service) -> str | None:
    """The Secret that the service's values name in place of ours."""
    return _text(service.values.get("auth"), "existingSecret")


def object_name(release: str) -> str:
    """What the platform charts call a release's objects: the longest names end in a hash (`service.name`)."""
    if len(release) <= _MAX_NAME:
        return release
    digest = hashlib.sha256(release.encode()).hexdigest()[:8]
    return f"{release[: _MAX_NAME - 9].removesuffix('-')}-{digest}"


def offered(claim: PlatformClaim) -> Services:
    """What the claim's services are to applications."""
    return Services(tuple((service.name, _offer(claim, service)) for service in claim.spec.services))


def bind(
    applications: Iterable[Application], services: Services | None, *, namespace: str, place: tuple[str, str]
) -> Bound:
    """Hold each application's bindings against `services`; None where the environment has no PlatformClaim.

    `namespace` is that of the applications, `place` their cluster type and environment.
    """
    bound = Bound()
    for index, application in enumerate(applications):
        if not application.bindings:
            continue
        problems = _problems(f"spec.applications[{index}]", application, services, place)
        if problems:
            reason = problems[0][0]
            bound.held[application.name] = Hold(reason, listed([said for _, said in problems], MAX_NAMED, "; "))
            continue
        offers = services.by_name if services else {}
        chosen = {name: offer for name in application.bindings if isinstance(offer := offers[name], Offer)}
        grants = {name: grant for name, offer in chosen.items() if (grant := _grant(offer, namespace))}
        bound.values[application.name] = {
            name: _values(offer, grants.get(name)) for name, offer in sorted(chosen.items())
        }
        bound.grants[application.name] = tuple(sorted(grants.values()))
    return bound


def with_bindings(values: Mapping[str, Any], bindings: Mapping[str, Any]) -> dict[str, Any]:
    """An application's values with those of its bindings, beside which it may describe others itself."""
    return dict(values) | ({BINDINGS: {**(values.get(BINDINGS) or {}), **bindings}} if bindings else {})


def _offer(claim: PlatformClaim, service: Service) -> Offer | str:
    release, namespace = service_release(claim.spec.environment, service.name), claim.metadata.namespace
    if leaks.find({key: service.values.get(key) for key in ("auth", "host")}):
        return "its values look like they hold a credential, which would be shown to whoever is bound to it"
    auth = service.values.get("auth")
    if service.type == "external":
        return _elsewhere(service, release, namespace)
    chart = service.chart.name if service.chart else service.name
    defaults = CHARTS.get(chart)
    if defaults is None:
        return (
            f'its chart "{chart}" is none whose port and user are known ({listed(sorted(CHARTS), MAX_NAMED)}): '
            f"describe it in values.{BINDINGS}"
        )
    return Offer(
        release=release,
        namespace=namespace,
        host=f"{object_name(release)}.{namespace}.svc",
        port=defaults.port,
        database=(_text(auth, "database") or defaults.database) if defaults.database else None,
        username=(_text(auth, "username") or defaults.username) if defaults.username else None,
        secret=existing_secret(service) or auth_secret(release),
    )


def _elsewhere(service: Service, release: str, namespace: str) -> Offer | str:
    """An external service is what its values say: host, port, and as inside `auth` with a Secret that exists."""
    host, port, auth = service.values.get("host"), service.values.get("port"), service.values.get("auth")
    if not isinstance(host, str) or not re.fullmatch(_HOST, host):
        return "it is external, and its values name no host"
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port <= _MAX_PORT:
        return "it is external, and its values name no port"
    return Offer(
        release=release,
        namespace=namespace,
        host=host,
        port=port,
        database=_text(auth, "database"),
        username=_text(auth, "username"),
        secret=existing_secret(service),
        is_internal=False,
    )


def _problems(
    path: str, application: Application, services: Services | None, place: tuple[str, str]
) -> list[tuple[str, str]]:
    """Reason and message of everything that keeps the application's bindings from being values."""
    given = application.values.get(BINDINGS)
    if given is not None and not isinstance(given, Mapping):
        return [(CONFLICT, f"{path}.values.{BINDINGS}: must be a map of bindings by name, beside {path}.{BINDINGS}")]
    problems = []
    for index, name in enumerate(application.bindings):
        where = f"{path}.{BINDINGS}[{index}]"
        if name in (given or {}):
            problems.append((CONFLICT, f'{where}: values.{BINDINGS} describes "{name}" too: take one of the two out'))
        elif said := _unfit(name, services, place):
            problems.append((UNKNOWN, f"{where}: {said}"))
    return problems


def _unfit(name: str, services: Services | None, place: tuple[str, str]) -> str | None:
    environment = f'environment "{place[1]}" of cluster type "{place[0]}"'
    if services is None:
        return f'"{name}" is bound to nothing: {environment} has no PlatformClaim; this goes on by itself when it has'
    offer = services.by_name.get(name)
    if offer is None:
        there = listed([name for name, _ in services.offers], MAX_NAMED)
        return f'{environment} has no service "{name}"; it has: {there or "none"}'
    if isinstance(offer, str):
        return f'service "{name}" cannot be bound to: {offer}'
    if not re.fullmatch(_VARIABLE, name):
        return f'"{name}" begins with a digit, and no variable of a container does: rename the service'
    return None


def _grant(offer: Offer, namespace: str) -> Grant | None:
    if offer.secret is None:
        return None
    name = offer.secret if namespace == offer.namespace else auth_secret(offer.release)
    return Grant(namespace, name, offer.namespace, offer.secret)


def _values(offer: Offer, grant: Grant | None) -> dict[str, Any]:
    values: dict[str, Any] = {"host": offer.host, "port": offer.port}
    values |= {"database": offer.database} if offer.database else {}
    values |= {"username": offer.username} if offer.username else {}
    values |= {"secretName": grant.name, "secretKey": PASSWORD} if grant else {}
    values |= {"namespace": offer.namespace, "release": offer.release} if offer.is_internal else {}
    return values


def _text(holder: object, key: str) -> str | None:
    """The string at `key` of a map, if that is what there is; whatever else is there the charts' schema refuses."""
    found = holder.get(key) if isinstance(holder, Mapping) else None
    return found if isinstance(found, str) and found else None
