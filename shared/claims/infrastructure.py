"""InfrastructureClaim: the namespaces of one environment."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from shared.claims.meta import STATUS, EnvironmentClaim, EnvironmentSpec
from shared.claims.names import (
    MAX_COMBINED_NAME,
    MAX_ENTRIES,
    MAX_NAMESPACES,
    MAX_PEERS,
    MAX_SUBJECTS,
    RESERVED_SERVICE,
    SYSTEM_NAMESPACES,
    SYSTEM_PREFIXES,
    DnsLabel,
    LabelValue,
    SubjectName,
    is_system_namespace,
    namespaces_release,
)
from shared.claims.namespace_rules import (
    ANNOTATION_VALUE,
    SERVICE_ACCOUNT,
    bound_problems,
    key_problems,
    quota_problems,
    security_problems,
    subject_problems,
)
from shared.claims.parts import SpecModel
from shared.claims.problems import Problem, refuse, repeated
from shared.claims.quantities import Quantity
from shared.claims.rules import ATOMIC, SET, map_list, validations
from shared.claims.status import InfrastructureStatus

_SYSTEM_RULE = "a system namespace is no claim's"
_IS_SYSTEM = " || ".join(
    [*(f"self.startsWith('{prefix}')" for prefix in SYSTEM_PREFIXES), f"self in {list(SYSTEM_NAMESPACES)}"]
)

Peers = Annotated[list[DnsLabel], Field(max_length=MAX_PEERS, json_schema_extra=SET)]


class Quantities(SpecModel):
    """How much of what a container uses."""

    model_config = ConfigDict(serialize_by_alias=True)

    cpu: Quantity | None = Field(default=None, description="Processor time, such as 500m.")
    memory: Quantity | None = Field(default=None, description="Memory, such as 256Mi.")
    ephemeral_storage: Quantity | None = Field(
        default=None, alias="ephemeral-storage", description="Room on the node's disk, such as 1Gi."
    )


class Limits(SpecModel):
    """What one container of the namespace has where it says nothing, and may have."""

    default: Quantities | None = Field(default=None, description="Its limits where it names none.")
    defaultRequest: Quantities | None = Field(default=None, description="Its requests where it names none.")
    min: Quantities | None = Field(default=None, description="The least that it may ask for.")
    max: Quantities | None = Field(default=None, description="The most that it may have.")

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        bounds = {name: bound.model_dump() for name, bound in self if bound is not None}
        refuse("Limits", bound_problems(bounds))
        return self


class NetworkPolicy(SpecModel):
    """Who may talk to the pods of the namespace, and to whom they may."""

    model_config = ConfigDict(serialize_by_alias=True)

    enabled: bool = Field(
        default=True,
        strict=True,
        description="Whether nothing comes in and goes out but within the namespace, to a name server and as named.",
    )
    from_: Peers = Field(default=[], alias="from", description="Namespaces whose pods may come in.")
    to: Peers = Field(default=[], description="Namespaces whose pods may be reached.")


class Access(SpecModel):
    """Somebody who may work in the namespace."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            ("!self.name.startsWith('system:')", "the cluster's own users and groups get no access by a claim"),
            (
                f"(self.kind == '{SERVICE_ACCOUNT}') == has(self.__namespace__)",
                "a ServiceAccount is named with its namespace, and nobody else is",
            ),
        )
    )

    role: Literal["view", "edit", "admin"] = Field(description="What they may do, as Kubernetes' own roles say.")
    kind: Literal["User", "Group", "ServiceAccount"] = Field(description="What they are.")
    name: SubjectName = Field(description="Their name, as the cluster knows it.")
    namespace: DnsLabel | None = Field(default=None, description="The namespace of a ServiceAccount.")

    @model_validator(mode="after")
    def _names_one_subject(self) -> Self:
        refuse("Access", subject_problems(self.kind, self.name, self.namespace))
        return self


class Namespace(SpecModel):
    """One namespace, what may be in it and who may work there."""

    name: DnsLabel = Field(
        description="The namespace's name. It belongs to one claim, and to no system of the cluster.",
        json_schema_extra=validations((f"!({_IS_SYSTEM})", _SYSTEM_RULE)),
    )
    labels: Annotated[dict[str, LabelValue], Field(max_length=MAX_ENTRIES)] = Field(
        default={},
        description="Its labels. The Pod Security level is restricted; pod-security.kubernetes.io/enforce: baseline "
        "lowers it.",
    )
    annotations: Annotated[dict[str, ANNOTATION_VALUE], Field(max_length=MAX_ENTRIES)] = Field(
        default={}, description="Its annotations."
    )
    quota: Annotated[dict[str, Quantity], Field(max_length=MAX_ENTRIES)] = Field(
        default={}, description="What all of its pods may have together, such as requests.cpu: 4 and pods: 50."
    )
    limits: Limits | None = Field(
        default=None, description="What one container has where it says nothing, and may have."
    )
    networkPolicy: NetworkPolicy | None = Field(
        default=None, description="Who may talk to its pods. Within the namespace, and to a name server, when absent."
    )
    access: Annotated[list[Access], Field(max_length=MAX_SUBJECTS, json_schema_extra=ATOMIC)] = Field(
        default=[], description="Who may work there."
    )

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        refuse("Namespace", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if is_system_namespace(self.name):
            yield Problem(("name",), f'"{self.name}" is a system namespace, and no claim\'s: choose another name')
        yield from key_problems(self.labels, "labels")
        yield from security_problems(self.labels)
        yield from key_problems(self.annotations, "annotations")
        yield from quota_problems(self.quota)
        seen: dict[tuple[str | None, ...], int] = {}
        for index, one in enumerate(self.access):
            first = seen.setdefault((one.role, one.kind, one.name, one.namespace), index)
            if first != index:
                yield Problem(("access", index), f"is the same as item {first}: remove one")


class InfrastructureSpec(EnvironmentSpec):
    """The namespaces that the environment has."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            (
                f"size(self.environment) + {len(namespaces_release(''))} <= {MAX_COMBINED_NAME}",
                f"<environment>{namespaces_release('')} has at most {MAX_COMBINED_NAME} characters",
            )
        )
    )

    namespaces: Annotated[
        list[Namespace], Field(min_length=1, max_length=MAX_NAMESPACES, json_schema_extra=map_list("name"))
    ] = Field(description="The namespaces of the environment.")

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        refuse("InfrastructureSpec", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        yield from repeated((one.name for one in self.namespaces), ("namespaces",), "name")
        release = namespaces_release(self.environment)
        if len(release) > MAX_COMBINED_NAME:
            said = f'"{release}" would deploy its {RESERVED_SERVICE} and has {len(release)} characters, and at most '
            yield Problem(("environment",), f"{said}{MAX_COMBINED_NAME} fit: give the environment a shorter name")


class InfrastructureClaim(EnvironmentClaim):
    """The namespaces of one environment, with quotas, limits, network policies and access, deployed through Git."""

    kind: Literal["InfrastructureClaim"]
    spec: InfrastructureSpec = Field(description="The namespaces that the environment has.")
    status: InfrastructureStatus = Field(default_factory=InfrastructureStatus, description=STATUS)
