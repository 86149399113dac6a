"""The image tags of one environment for another."""

from typing import Any

import pytest

from cli.exits import Failure
from cli.promotion import Move, moves, promoted
from tests.cli.api import application, environment


def claim(name: str, *rows: dict[str, Any], status: dict[str, Any] | None = None, seen: int = 1) -> dict[str, Any]:
    spec = environment(name) | {"applications": list(rows)}
    return {"metadata": {"generation": 1}, "spec": spec, "status": {"observedGeneration": seen} | (status or {})}


def app(name: str, tag: str, repository: str = "ghcr.io/acme", **more: Any) -> dict[str, Any]:
    image = {"repository": f"{repository}/{name}", "tag": tag, "pullPolicy": "Always"}
    return application(name, **more) | {"image": image}


def rows(**fields: Any) -> dict[str, Any]:
    return {"applications": [{"name": "shop"} | fields]}


DEPLOYED = rows(state="Committed", deployed={"status": "True", "reason": "Deployed"})
FAILED = rows(state="Committed", deployed={"status": "False", "reason": "Degraded"})
HELD = rows(state="Held", reason="TagNotFound")
V1, V2 = app("shop", "v1"), app("shop", "v2")
ELSEWHERE = app("shop", "v2", "quay.io/acme")
CASES: list[tuple[dict[str, Any], dict[str, Any], bool, tuple[str, str], str]] = [
    (claim("dev", V2), claim("prod", V1), False, ("promoted", ""), "a new tag"),
    (claim("dev", V1), claim("prod", V2), False, ("promoted", ""), "an older one, which is no less of a tag"),
    (claim("dev", V1), claim("prod", V1), False, ("same", ""), "nothing new"),
    (claim("dev", V1), claim("prod"), False, ("absent", ""), "the target has it not"),
    (claim("dev", ELSEWHERE), claim("prod", V1), False, ("differs", ""), "another repository"),
    (claim("dev", ELSEWHERE), claim("prod", V1), True, ("promoted", ""), "another repository, as asked for"),
    (claim("dev", V2, status=DEPLOYED), claim("prod", V1), False, ("promoted", ""), "deployed in dev"),
    (
        claim("dev", V2, status=FAILED),
        claim("prod", V1),
        False,
        ("promoted", "not deployed in dev: Degraded"),
        "a person may know better, and is told",
    ),
    (claim("dev", V2, status=HELD), claim("prod", V1), False, ("promoted", "held in dev: TagNotFound"), "held in dev"),
    (claim("dev", V2, seen=0), claim("prod", V1), False, ("promoted", "dev is not looked at yet"), "only just changed"),
]


@pytest.mark.parametrize(
    ("source", "target", "repositories", "expected", "reason"), CASES, ids=[case[4] for case in CASES]
)
def test_what_becomes_of_an_application(
    source: dict[str, Any], target: dict[str, Any], repositories: bool, expected: tuple[str, str], reason: str
) -> None:
    (found,) = moves(source, target, (), repositories=repositories)
    assert (found.outcome, found.note) == expected
    spec = promoted(target, [found])
    wanted = expected[0] == "promoted"
    assert (spec != target["spec"]) == wanted
    if wanted:
        after = source["spec"]["applications"][0]["image"]
        assert spec["applications"][0]["image"] == after, "tag and, if asked for, repository; the policy was the same"


def test_nothing_but_the_image_changes() -> None:
    """Not even what the target says of it besides."""
    own = V1 | {"chart": {"name": "mine"}, "values": {"replicas": 9}}
    own["image"] = own["image"] | {"pullPolicy": "Never"}
    target = claim("prod", app("cart", "v1"), own)
    found = moves(claim("dev", app("cart", "v2"), V2), target, ["shop"], repositories=False)
    assert [one.application for one in found] == ["shop"], "those that are asked for"
    after = promoted(target, found)
    assert after["applications"][0] == target["spec"]["applications"][0]
    assert after["applications"][1] == own | {"image": own["image"] | {"tag": "v2"}}
    assert target["spec"]["applications"][1]["image"]["tag"] == "v1", "what was read is not written to"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cart", 'prod has no application "cart": it has shop'),
        ("docs", 'dev has no application "docs": it has cart, shop'),
    ],
)
def test_a_name_that_either_has_not(name: str, message: str) -> None:
    with pytest.raises(Failure, match=message):
        moves(claim("dev", app("cart", "v1"), V2), claim("prod", V1), [name], repositories=False)


def test_for_programs() -> None:
    (found,) = moves(claim("dev", V2), claim("prod"), (), repositories=False)
    assert isinstance(found, Move)
    assert found.document() == {
        "application": "shop",
        "before": None,
        "after": {"repository": "ghcr.io/acme/shop", "tag": "v2"},
        "outcome": "absent",
        "note": None,
    }
