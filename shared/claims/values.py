"""Helm values in a claim: any JSON object, within bounds of depth and size.

A message about them names neither key nor value, because a value may be a secret.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from shared.canonical import json_bytes

MAX_DEPTH: Final = 20
"""Maps and lists within each other, the values themselves being the first."""
MAX_BYTES: Final = 256 * 1024
"""As canonical JSON in UTF-8."""

_ANY_MAP: Final[JsonDict] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_IMAGE_IS_ABSENT: Final[JsonDict] = {
    # An API server's CEL sees no unknown field, so the one that is refused has to be known.
    "properties": {"image": {**_ANY_MAP, "description": "Refused: the application's own image stands beside values."}},
    "x-kubernetes-validations": [
        {
            "rule": "!has(self.image)",
            "message": "values.image is refused: use image beside values",
            "fieldPath": ".image",
        }
    ],
}


def _is_deep(values: Mapping[str, object]) -> bool:
    """Whether maps and lists are nested deeper than `MAX_DEPTH`. Looks no further than that."""
    level: list[object] = [values]
    for _ in range(MAX_DEPTH):
        nested: list[object] = []
        for one in level:
            if isinstance(one, Mapping):
                nested.extend(one.values())
            elif isinstance(one, list | tuple):
                nested.extend(one)
        level = nested
    return any(isinstance(one, Mapping | list | tuple) for one in level)


def _bounded(values: object) -> object:
    if not isinstance(values, Mapping):
        raise PydanticCustomError("values", "must be a map")
    if _is_deep(values):
        raise PydanticCustomError("values", "are nested deeper than {limit} levels", {"limit": MAX_DEPTH})
    try:
        size = len(json_bytes(values))
    except ValueError:  # its message names the keys on the way
        raise PydanticCustomError(
            "values", "hold what JSON cannot: a key or a date without quotes, a number out of range or broken text"
        ) from None
    if size > MAX_BYTES:
        raise PydanticCustomError(
            "values", "take {size} bytes as JSON, and at most {limit} fit", {"size": size, "limit": MAX_BYTES}
        )
    return values


def _without_image(values: dict[str, Any]) -> dict[str, Any]:
    if "image" in values:
        raise PydanticCustomError("values", "values.image is refused: use image beside values")
    return values


Values = Annotated[dict[str, Any], BeforeValidator(_bounded), Field(json_schema_extra=_ANY_MAP)]
ApplicationValues = Annotated[
    dict[str, Any],
    BeforeValidator(_bounded),
    AfterValidator(_without_image),
    Field(json_schema_extra={**_ANY_MAP, **_IMAGE_IS_ABSENT}),
]
"""Values that leave `image` to the application's own field."""
