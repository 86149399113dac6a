"""ApplicationClaim: the applications of one environment."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from shared.claims.meta import STATUS, EnvironmentClaim, EnvironmentSpec
from shared.claims.names import (
    MAX_APPLICATIONS,
    MAX_BINDINGS,
    MAX_COMBINED_NAME,
    PLATFORM_PREFIX,
    ChartRepository,
    ChartVersion,
    DnsLabel,
    ImageRepository,
    ImageTag,
    application_release,
)
from shared.claims.parts import SpecModel
from shared.claims.problems import Problem, refuse, repeated
from shared.claims.rules import SET, map_list, validations
from shared.claims.status import ApplicationStatus
from shared.claims.values import ApplicationValues

_OCI_RULE = "source oci needs repository and version, and no other source takes them"


class Chart(SpecModel):
    """The Helm chart of an application."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            (
                "has(self.source) && self.source == 'oci' ? has(self.repository) && has(self.version)"
                " : !has(self.repository) && !has(self.version)",
                _OCI_RULE,
            )
        )
    )

    name: DnsLabel = Field(description="The chart's name. It may differ from the application's.")
    source: Literal["embedded", "repository", "oci"] = Field(
        default="embedded",
        description="Where the chart is: embedded in InfraForge, a folder of the team's own in the charts repository "
        "of Gitea (repository), or an OCI registry (oci).",
    )
    repository: ChartRepository | None = Field(
        default=None, description="The OCI repository that holds the chart. With source oci only."
    )
    version: ChartVersion | None = Field(default=None, description="The chart's exact version. With source oci only.")

    @model_validator(mode="after")
    def _oci_is_complete(self) -> Self:
        given = [name for name in ("repository", "version") if getattr(self, name) is not None]
        if self.source == "oci":
            absent = [name for name in ("repository", "version") if name not in given]
            refuse("Chart", (Problem((name,), "is required with source oci") for name in absent))
        else:
            said = f"is for source oci only, and source is {self.source}: remove it"
            refuse("Chart", (Problem((name,), said) for name in given))
        return self


class Image(SpecModel):
    """The container image of an application."""

    repository: ImageRepository = Field(description="The image without its tag, such as ghcr.io/acme/shop.")
    tag: ImageTag = Field(description="The image's tag.")
    pullPolicy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="When the kubelet pulls the image."
    )


class Application(SpecModel):
    """One application: a chart, an image and values."""

    name: DnsLabel = Field(
        description="The application's name, unique in the claim. Application, Helm release and folder are called "
        "after it: <environment>-<name>, at most 53 characters.",
        json_schema_extra=validations(
            (f"!self.startsWith('{PLATFORM_PREFIX}')", f"an application's name does not begin with {PLATFORM_PREFIX}")
        ),
    )
    chart: Chart = Field(description="The Helm chart that deploys it.")
    image: Image = Field(description="The container image that it runs.")
    bindings: Annotated[list[DnsLabel], Field(max_length=MAX_BINDINGS, json_schema_extra=SET)] = Field(
        default=[], description="The platform services of the environment that the application uses, by name."
    )
    values: ApplicationValues = Field(
        default={},
        description="Helm values, any map. The image is no part of them: it has a field of its own.",
    )

    @model_validator(mode="after")
    def _bindings_differ(self) -> Self:
        refuse("Application", repeated(self.bindings, ("bindings",)))
        return self


class ApplicationSpec(EnvironmentSpec):
    """What the environment runs."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            (
                f"self.applications.all(a, size(self.environment) + 1 + size(a.name) <= {MAX_COMBINED_NAME})",
                f"<environment>-<name> of every application has at most {MAX_COMBINED_NAME} characters",
            )
        )
    )

    imagePolicy: Literal["Tag", "Digest"] = Field(
        default="Tag",
        description="Tag deploys the tag as it is written; Digest pins the digest that the tag was resolved to.",
    )
    applications: Annotated[
        list[Application], Field(max_length=MAX_APPLICATIONS, json_schema_extra=map_list("name"))
    ] = Field(description="The applications of the environment.")

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        refuse("ApplicationSpec", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        names = [application.name for application in self.applications]
        yield from repeated(names, ("applications",), "name")
        for index, name in enumerate(names):
            path = ("applications", index, "name")
            if name.startswith(PLATFORM_PREFIX):
                yield Problem(path, f'"{name}" begins with {PLATFORM_PREFIX}, which is kept for services: rename it')
            release = application_release(self.environment, name)
            if len(release) > MAX_COMBINED_NAME:
                said = f'"{release}" has {len(release)} characters, and at most {MAX_COMBINED_NAME} fit: shorten it'
                yield Problem(path, said)


class ApplicationClaim(EnvironmentClaim):
    """The applications of one environment, deployed through Git."""

    kind: Literal["ApplicationClaim"]
    spec: ApplicationSpec = Field(description="What the environment runs.")
    status: ApplicationStatus = Field(default_factory=ApplicationStatus, description=STATUS)
