"""What the sources are told in their `sources.yaml`.

::

    apiServerSources:
      - name: claims
        namespace: platform-system           # where the source lives, as Kn-Namespace shows it
        namespaces: []                       # that it watches; none = all
        resources:
          - apiVersion: platform.infraforge.io/v1alpha1
            kind: ApplicationClaim
            selector: {matchLabels: {}, matchExpressions: []}    # none = every object of the kind
        ceOverrides: {extensions: {}}
    pingSources:
      - {name: resync, every: 300, data: {message: resync}}

A resource's `plural` is guessed from its kind as Knative guesses it, unless it is given.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Overrides(_Model):
    """Extension attributes that every event gets."""

    extensions: dict[str, str] = {}


class Expression(_Model):
    """One requirement of a label selector."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.operator in {"Exists", "DoesNotExist"}:
            return self.key if self.operator == "Exists" else f"!{self.key}"
        return f"{self.key} {self.operator.lower()} ({','.join(self.values)})"


class Selector(_Model):
    """Which objects of a kind are watched: apimachinery's LabelSelector. One that stops matching is a deletion."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Expression, ...] = ()

    def __str__(self) -> str:
        labels = [f"{key}={value}" for key, value in sorted(self.match_labels.items())]
        return ",".join([*labels, *map(str, self.match_expressions)])


class Resource(_Model):
    """A kind that is watched."""

    api_version: str = Field(pattern=r"^([a-z0-9.-]+/)?v[a-z0-9]+$")
    kind: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*$")
    plural: str | None = None
    selector: Selector = Selector()

    def path(self, namespace: str | None) -> str:
        """Where the API server lists it: in one namespace, or in all."""
        root = "/apis" if "/" in self.api_version else "/api"
        within = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}/{self.api_version}{within}/{self.plural or plural_of(self.kind)}"


class ApiServerSource(_Model):
    """Tells of every change to some kinds of objects."""

    name: str
    namespace: str = "platform-system"
    namespaces: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = Field(min_length=1)
    ce_overrides: Overrides = Overrides()


class PingSource(_Model):
    """Sends the same event every so many seconds; the first after the first of them. Missed ticks are lost."""

    name: str
    namespace: str = "platform-system"
    every: float = Field(gt=0)
    data: Any = None
    ce_overrides: Overrides = Overrides()


class SourcesConfig(_Model):
    """The whole file."""

    api_server_sources: tuple[ApiServerSource, ...] = ()
    ping_sources: tuple[PingSource, ...] = ()


def load(path: Path) -> SourcesConfig:
    """The configuration in the YAML file `path`; raises ValueError that names the field at fault."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    return SourcesConfig.model_validate(document or {})


def plural_of(kind: str) -> str:
    """The resource's name as Knative guesses it (apimachinery's UnsafeGuessKindToResource)."""
    singular = kind.lower()
    if singular.endswith("s"):
        return f"{singular}es"
    if singular.endswith("y"):
        return f"{singular[:-1]}ies"
    return f"{singular}s"
