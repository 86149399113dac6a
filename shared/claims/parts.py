"""What specs and statuses are made of."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.claims.names import Url
from shared.claims.problems import Problem, refuse
from shared.claims.rules import validations


class SpecModel(BaseModel):
    """A part of a spec: frozen, and a field that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class StatusModel(BaseModel):
    """A part of a status: frozen, and tolerant of fields that another version wrote."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Destination(SpecModel):
    """The cluster that ArgoCD deploys a cluster type to."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            ("has(self.server) != has(self.name)", "destination needs server or name, and not both")
        )
    )

    server: Url | None = Field(default=None, description="The address of its API server. Either this or name.")
    name: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(
        default=None, description="Its name in ArgoCD. Either this or server."
    )

    @model_validator(mode="after")
    def _names_one_cluster(self) -> Self:
        if (self.server is None) == (self.name is None):
            refuse("Destination", [Problem((), "needs server or name, and not both")])
        return self
