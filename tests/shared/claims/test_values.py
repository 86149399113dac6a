"""Values are any JSON object within bounds, and never quoted."""

import datetime
from typing import Any

import pytest

from shared.claims import parse
from shared.claims.values import MAX_BYTES, MAX_DEPTH
from shared.errors import InvalidClaim
from tests.shared.claims.examples import PLATFORM, changed

CANNOT = "hold what JSON cannot: a key or a date without quotes, a number out of range or broken text"


def nested(levels: int) -> dict[str, Any]:
    """Maps and lists in turn, `levels` of them."""
    inner: Any = "s3cret"
    for level in range(levels):
        inner = {"k": inner} if (levels - level) % 2 else [inner]
    assert isinstance(inner, dict)
    return inner


ACCEPTED = [
    ("nothing", {}),
    ("null, which takes a default away in Helm", {"a": None}),
    ("as deep as allowed", nested(MAX_DEPTH - 1)),
    ("as large as allowed", {"k": "x" * (MAX_BYTES - len('{"k":""}'))}),
    ("an image, which is a service's own matter", {"image": {"tag": "1.10"}}),
]


@pytest.mark.parametrize(("reason", "values"), ACCEPTED, ids=[reason for reason, _ in ACCEPTED])
def test_accepted(reason: str, values: dict[str, Any]) -> None:
    document = changed(PLATFORM, "spec.services.0.values", values)

    assert document == parse("PlatformClaim", document).model_dump(exclude_unset=True), reason


REFUSED = [
    ("a level too deep", nested(MAX_DEPTH + 1), "are nested deeper than 20 levels"),
    ("far too deep for recursion", nested(100_001), "are nested deeper than 20 levels"),
    ("a byte too large", {"k": "x" * (MAX_BYTES - 7)}, "take 262145 bytes as JSON, and at most 262144 fit"),
    ("bytes count, not characters", {"k": "é" * (MAX_BYTES // 2)}, "take 262152 bytes as JSON, and at most 262144 fit"),
    ("a number as a key", {"s3cret": {80: "s3cret"}}, CANNOT),
    ("a date without quotes", {"s3cret": datetime.date(2001, 12, 14)}, CANNOT),
    ("not a number", {"s3cret": float("nan")}, CANNOT),
    ("infinity", {"s3cret": float("-inf")}, CANNOT),
    ("half a surrogate pair", {"s3cret": "\ud800"}, CANNOT),
    ("bytes", {"s3cret": b"s3cret"}, CANNOT),
]


@pytest.mark.parametrize(("reason", "values", "expected"), REFUSED, ids=[reason for reason, *_ in REFUSED])
def test_refused(reason: str, values: dict[str, Any], expected: str) -> None:
    document = changed(PLATFORM, "spec.services.0.values", values)

    with pytest.raises(InvalidClaim) as refusal:
        parse("PlatformClaim", document)

    assert f"spec.services[0].values: {expected}" == str(refusal.value), reason
