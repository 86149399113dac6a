"""Kubernetes quantities in a claim: `500m`, `4` or `8Gi`, as text or as a whole number."""

import re
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.claims.names import MENDS, QUANTITY_PATTERN

MAX_DIGITS: Final = 32

_SCHEMA: Final[dict[str, Any]] = {  # an API server allows no type beside the word for "a number or a text"
    "x-kubernetes-int-or-string": True,
    "pattern": QUANTITY_PATTERN,
    "maxLength": MAX_DIGITS,
}
_DECIMAL: Final = {"": Decimal(1), "m": Decimal("0.001")} | {
    unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)
}
_BINARY: Final = {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)}
_UNITS: Final = _DECIMAL | _BINARY


def _checked(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise PydanticCustomError("rule", "must be a quantity: a whole number, or text such as 500m or 8Gi")
    if len(str(value)) > MAX_DIGITS:
        raise PydanticCustomError("rule", "is longer than {limit} characters", {"limit": MAX_DIGITS})
    if not re.fullmatch(QUANTITY_PATTERN, str(value)):
        raise PydanticCustomError("rule", "{mend}", {"mend": MENDS[QUANTITY_PATTERN]})
    return value


Quantity = Annotated[int | str, BeforeValidator(_checked), WithJsonSchema(_SCHEMA)]


def amount(quantity: int | str) -> Decimal:
    """How much a checked quantity is, in its base unit."""
    text = str(quantity)
    number = text.rstrip("mkKMGTPEi")
    return Decimal(number) * _UNITS[text.removeprefix(number)]
