"""Helm values in a claim: any JSON object, within bounds of depth and size.

A message about them names neither key nor value, because a value may be a secret.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

MAX_DEPTH: Final = 20
MAX_BYTES: Final = 256 * 1024


def _plain(node: object, depth: int) -> None:
    """Refuse what JSON cannot hold, and what is nested deeper than `MAX_DEPTH` maps and lists."""
    if isinstance(node, dict | list):
        if depth > MAX_DEPTH:
            raise PydanticCustomError("values", "are nested deeper than {limit} levels", {"limit": MAX_DEPTH})
        if isinstance(node, dict) and not all(isinstance(key, str) for key in node):
            raise PydanticCustomError("values", "hold a key that is not a string: put it in quotes")
        for child in node.values() if isinstance(node, dict) else node:
            _plain(child, depth + 1)
    elif not (node is None or isinstance(node, str | bool | int | float)):
        raise PydanticCustomError(
            "values", "hold a {type}, which JSON does not know: put it in quotes", {"type": type(node).__name__}
        )


def _bounded(values: object) -> object:
    if not isinstance(values, Mapping):
        raise PydanticCustomError("values", "must be a map")
    _plain(values, 1)
    try:
        size = len(json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except ValueError as error:  # a number beyond JSON, or half a surrogate pair
        raise PydanticCustomError("values", "hold a number or a text that JSON cannot hold") from error
    if size > MAX_BYTES:
        raise PydanticCustomError(
            "values", "take {size} bytes as JSON; at most {limit} are allowed", {"size": size, "limit": MAX_BYTES}
        )
    return values


Values = Annotated[
    dict[str, Any],
    BeforeValidator(_bounded),
    Field(json_schema_extra={"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]


def _image_is_absent(values: dict[str, Any]) -> dict[str, Any]:
    if "image" in values:
        raise PydanticCustomError("values", "hold image, which is the application's own field: use image beside values")
    return values


without_image: Final = AfterValidator(_image_is_absent)
"""For values whose `image` another field decides."""
