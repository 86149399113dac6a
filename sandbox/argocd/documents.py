"""JSON documents: the merge patch (RFC 7386) that makes one of another, and how it is applied."""

import copy
from typing import Any

from sandbox.argocd.api import Json


def difference(old: Json, new: Json) -> Json:
    """The merge patch that makes `new` of `old`; empty when they are equal."""
    patch: Json = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(old[key], dict):
            if inner := difference(old[key], value):
                patch[key] = inner
        elif value != old[key]:
            patch[key] = value
    return patch


def merged(old: Any, patch: Any) -> Any:
    """`old` with the merge patch applied; neither is changed."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
