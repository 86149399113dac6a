"""What only an API server can hold: list types and CEL rules, in the form that a schema carries.

Each rule's cost is estimated by the API server from the bounds of everything it touches; one rule may cost 10,000,000
and a CRD 100,000,000 in all (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation). Its estimates of
ours stand in the tests of the CRDs: 2,403 for the dearest rule and 5,059 for the dearest CRD. Environments that are
unique over all cluster types, and no prefix of each other, would take 10,000 x 10,000 comparisons, far beyond the
limit: the model alone checks them.
"""

from typing import Final

from pydantic import JsonValue
from pydantic.config import JsonDict


def validations(*rules: tuple[str, str]) -> JsonDict:
    """`x-kubernetes-validations` of pairs (CEL expression, message)."""
    entries: list[JsonValue] = [{"rule": rule, "message": message} for rule, message in rules]
    return {"x-kubernetes-validations": entries}


def immutable(field: str) -> JsonDict:
    """A required field that may never change once the claim exists."""
    return validations(("self == oldSelf", f"{field} is immutable"))


def map_list(key: str) -> JsonDict:
    """A list whose items are told apart by `key`, which is unique in it."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


SET: Final[JsonDict] = {"x-kubernetes-list-type": "set"}
"""A list of different scalars."""

ATOMIC: Final[JsonDict] = {"x-kubernetes-list-type": "atomic"}
"""A list that is replaced as a whole."""
