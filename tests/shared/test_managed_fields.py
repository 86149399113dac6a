"""Who changed an object last."""

from typing import Any

import pytest

from shared.managed_fields import Manager, last_manager


def entry(manager: str, time: str | None, fields: dict[str, Any], subresource: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"manager": manager, "operation": "Update", "fieldsV1": fields}
    return found | ({"time": time} if time else {}) | ({"subresource": subresource} if subresource else {})


SPEC: dict[str, Any] = {"f:spec": {"f:applications": {}}}
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
CASES: list[tuple[list[dict[str, Any]] | None, Manager | None, str]] = [
    (None, None, "an API server that tracks nothing"),
    ([], None, "nobody"),
    ([entry("kubectl", EARLY, SPEC)], Manager("kubectl", EARLY), "the only one"),
    ([entry("edit", LATE, SPEC), entry("kubectl", EARLY, SPEC)], Manager("edit", LATE), "the latest, in any order"),
    ([entry("a", EARLY, SPEC), entry("b", EARLY, SPEC)], Manager("b", EARLY), "in one second the last"),
    (
        [entry("kubectl", EARLY, SPEC), entry("infraforge", LATE, {"f:metadata": {}})],
        Manager("kubectl", EARLY),
        "a finalizer is not the spec",
    ),
    (
        [entry("kubectl", EARLY, SPEC), entry("scale", LATE, SPEC, "scale")],
        Manager("kubectl", EARLY),
        "nor is a subresource",
    ),
    ([entry("before-first-apply", None, SPEC)], Manager("before-first-apply"), "no time is known"),
    ([entry("", EARLY, SPEC)], None, "an entry without a name"),
]


@pytest.mark.parametrize(("entries", "expected", "reason"), CASES, ids=[reason for *_, reason in CASES])
def test_last_manager(entries: list[dict[str, Any]] | None, expected: Manager | None, reason: str) -> None:
    metadata = {} if entries is None else {"managedFields": entries}
    assert last_manager({"metadata": metadata}) == expected


def test_of_another_field() -> None:
    document = {"metadata": {"managedFields": [entry("kubectl", EARLY, SPEC)]}}
    assert last_manager(document, "f:metadata") is None
