"""PlatformClaim: the platform services of one environment."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from shared.claims.meta import STATUS, EnvironmentClaim, EnvironmentSpec
from shared.claims.names import (
    MAX_COMBINED_NAME,
    MAX_SERVICES,
    PLATFORM_PREFIX,
    RESERVED_SERVICE,
    DnsLabel,
    service_release,
)
from shared.claims.parts import SpecModel
from shared.claims.problems import Problem, refuse, repeated
from shared.claims.rules import map_list, validations
from shared.claims.status import PlatformStatus
from shared.claims.values import Values

_INFIX = len(f"-{PLATFORM_PREFIX}")


class ServiceChart(SpecModel):
    """The Helm chart of a platform service."""

    name: DnsLabel = Field(description="The chart's name in the platform charts.")


class Service(SpecModel):
    """One platform service: a chart and values."""

    name: DnsLabel = Field(
        description="The service's name, unique in the claim. Application, Helm release and folder are called after "
        "it: <environment>-platform-<name>, at most 53 characters.",
        json_schema_extra=validations((f"self != '{RESERVED_SERVICE}'", f"no service is called {RESERVED_SERVICE}")),
    )
    type: Literal["internal", "external"] = Field(
        default="internal",
        description="internal runs in the cluster from a Helm chart; external is a managed service outside of it.",
    )
    chart: ServiceChart | None = Field(
        default=None, description="The platform chart, when its name is not the service's."
    )
    values: Values = Field(default={}, description="Helm values, any map.")


class PlatformSpec(EnvironmentSpec):
    """The services that the environment offers its applications."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            (
                f"self.services.all(s, size(self.environment) + {_INFIX} + size(s.name) <= {MAX_COMBINED_NAME})",
                f"<environment>-platform-<name> of every service has at most {MAX_COMBINED_NAME} characters",
            )
        )
    )

    services: Annotated[list[Service], Field(max_length=MAX_SERVICES, json_schema_extra=map_list("name"))] = Field(
        description="The platform services of the environment."
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        refuse("PlatformSpec", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        names = [service.name for service in self.services]
        yield from repeated(names, ("services",), "name")
        for index, name in enumerate(names):
            path = ("services", index, "name")
            if name == RESERVED_SERVICE:
                yield Problem(path, f'"{name}" is the folder of the environment\'s namespaces: rename it')
            release = service_release(self.environment, name)
            if len(release) > MAX_COMBINED_NAME:
                said = f'"{release}" has {len(release)} characters, and at most {MAX_COMBINED_NAME} fit: shorten it'
                yield Problem(path, said)


class PlatformClaim(EnvironmentClaim):
    """The platform services of one environment, deployed through Git."""

    kind: Literal["PlatformClaim"]
    spec: PlatformSpec = Field(description="The services that the environment offers its applications.")
    status: PlatformStatus = Field(default_factory=PlatformStatus, description=STATUS)
