"""A PlatformClaim's services as files. Pure: the same claim is the same bytes on every machine."""

from collections.abc import Iterable

from shared.canonical import yaml_bytes
from shared.claims import Service
from shared.claims.names import RESERVED_SERVICE

VALUES = "values.yaml"


def foreign() -> frozenset[str]:
    """The names in the environment's folder that are not a PlatformClaim's to touch."""
    return frozenset({RESERVED_SERVICE})


def values(service: Service) -> bytes:
    """A service's `values.yaml`: the claim's values with their keys sorted."""
    return yaml_bytes(service.values, sort_keys=True)


def services(claimed: Iterable[Service]) -> dict[str, dict[str, bytes]]:
    """Name → the exact content of its folder, for each of the services."""
    return {service.name: {VALUES: values(service)} for service in claimed}
