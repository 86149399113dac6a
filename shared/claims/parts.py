"""What specs and statuses are made of."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.claims.names import ClusterName, Url
from shared.claims.problems import Problem, refuse
from shared.claims.rules import validations


class Part(BaseModel):
    """Frozen, and null is absent: an API server drops the nulls of fields that are not nullable."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            return {name: value for name, value in given.items() if value is not None}
        return given


class SpecModel(Part):
    """A part of a spec: a field that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid")


class StatusModel(Part):
    """A part of a status: a field that another version wrote is ignored."""


class Destination(SpecModel):
    """The cluster that ArgoCD deploys a cluster type to."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            ("has(self.server) != has(self.name)", "destination needs server or name, and not both")
        )
    )

    server: Url | None = Field(default=None, description="The address of its API server. Either this or name.")
    name: ClusterName | None = Field(default=None, description="Its name in ArgoCD. Either this or server.")

    @model_validator(mode="after")
    def _names_one_cluster(self) -> Self:
        if (self.server is None) == (self.name is None):
            refuse("Destination", [Problem((), "needs server or name, and not both")])
        return self
