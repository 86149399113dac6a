"""Which events a Trigger wants: Knative's `filter` and `filters` (eventing.knative.dev/v1, SubscriptionsAPIFilter).

`filters` is a list of expressions that must all hold; a Trigger that has any ignores its `filter`. Each expression
names exactly one dialect: `exact`, `prefix`, `suffix` (attribute → text, all of which must match), `all`, `any`
(expressions) and `not` (one). The dialect `cesql` is not known here and is refused.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ANY: Final = ""
"""A filter's empty value asks only that the attribute is there, as Knative's does."""

Attribute = Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}$")]
Text = Annotated[str, Field(min_length=1)]
Pairs = Annotated[dict[Attribute, Text], Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Filter(_Model):
    """All attributes must match exactly."""

    attributes: dict[str, str] = {}

    def passes(self, attributes: Mapping[str, str]) -> bool:
        """Whether an event with `attributes` is for this trigger."""
        return all(
            name in attributes and expected in (ANY, attributes[name]) for name, expected in self.attributes.items()
        )


class Expression(_Model):
    """One expression of `filters`. An attribute that the event lacks matches nothing."""

    exact: Pairs | None = None
    prefix: Pairs | None = None
    suffix: Pairs | None = None
    all: Annotated[tuple["Expression", ...], Field(min_length=1)] | None = None
    any: Annotated[tuple["Expression", ...], Field(min_length=1)] | None = None
    negated: "Expression | None" = Field(None, alias="not")

    @model_validator(mode="after")
    def _one_dialect(self) -> Self:
        if len(self.model_fields_set) != 1:  # Knative's webhook refuses such a Trigger
            raise ValueError("must name exactly one of exact, prefix, suffix, all, any, not")
        return self

    def passes(self, attributes: Mapping[str, str]) -> bool:
        """Whether an event with `attributes` matches."""
        if self.negated is not None:
            return not self.negated.passes(attributes)
        if self.all is not None:
            return all(one.passes(attributes) for one in self.all)
        if self.any is not None:
            return any(one.passes(attributes) for one in self.any)
        return (
            all(attributes.get(name) == text for name, text in (self.exact or {}).items())
            and all(attributes.get(name, "").startswith(text) for name, text in (self.prefix or {}).items())
            and all(attributes.get(name, "").endswith(text) for name, text in (self.suffix or {}).items())
        )
