"""What a claim's commits tell."""

from typing import Any

import pytest

from cli.history.commits import Entry, Recorded, Unreadable
from cli.history.story import told
from tests.cli.history.repository import record, shop, spec

ONE, TWO = spec(shop("v1")), spec(shop("v2"))
NONE = spec()
TAG = "applications[shop].image.tag: v1 → v2"


def made(spec_: Any, generation: int = 1, drift: str = "", **fields: Any) -> Recorded:
    return Recorded("sha", "2026-01-01T00:00:00+00:00", "InfraForge", record(spec_, generation, **fields), drift)


BROKEN = Unreadable("sha", "2026-01-01T00:00:00+00:00", "Jo", "no JSON")
CASES: list[tuple[list[Entry], str, list[str], str | None, str]] = [
    ([made(ONE)], "created", ["created"], "kubectl", "the first commit"),
    ([made(ONE), made(TWO, 2)], "changed", [TAG], "kubectl", "a new tag"),
    ([made(ONE), made(TWO, 2, manager="edit")], "changed", [TAG], "edit", "by somebody else"),
    ([made(ONE), made(TWO, 2, manager="")], "changed", [TAG], None, "the API server tracks nobody"),
    (
        [made(ONE), made(NONE, 2, changed="t1")],
        "changed",
        [f"applications[shop]: removed (was {shop('v1')})".replace("'", '"')],
        None,
        "whoever only removes may leave no trace",
    ),
    (
        [made(ONE), made(NONE, 2)],
        "changed",
        [f"applications[shop]: removed (was {shop('v1')})".replace("'", '"')],
        "kubectl",
        "or does, by server-side apply",
    ),
    ([made(ONE), made(TWO, 2, changed="t1")], "changed", [TAG], "kubectl", "twice in the same second"),
    (
        [made(ONE), made(ONE, drift="a: changed by Jo")],
        "restored",
        ["drift restored: a: changed by Jo"],
        None,
        "drift",
    ),
    (
        [made(ONE), made(TWO, 2, drift="a: changed by Jo")],
        "changed",
        ["drift restored: a: changed by Jo", TAG],
        "kubectl",
        "drift and a change in one",
    ),
    ([made(ONE), made(ONE)], "rewritten", ["the claim did not change, and what is made of it did"], None, "upgrade"),
    ([made(ONE), made(ONE, 2, deleted=True)], "deleted", ["deleted: its files went with it"], None, "deleted"),
    (
        [made(ONE), made(ONE, 2, deleted=True), made(TWO, 1, uid="uid-2")],
        "created again",
        ["created again, under another UID", TAG],
        "kubectl",
        "back again",
    ),
    (
        [made(ONE), made(TWO, 2, omitted=("applications[shop].values.password",))],
        "changed",
        [TAG, "not in the record, because it looks like a credential: applications[shop].values.password"],
        "kubectl",
        "a value that is not shown",
    ),
    ([made(ONE), BROKEN], "unreadable", ["its record cannot be read: no JSON"], None, "damaged"),
    ([made(ONE), BROKEN, made(TWO, 3)], "changed", [TAG], "kubectl", "compared across what is damaged"),
]


@pytest.mark.parametrize(("oldest_first", "what", "lines", "manager", "reason"), CASES, ids=[case[4] for case in CASES])
def test_the_newest_chapter(
    oldest_first: list[Entry], what: str, lines: list[str], manager: str | None, reason: str
) -> None:
    chapter = told(oldest_first[::-1])[0]
    assert (chapter.what, list(chapter.lines), chapter.manager) == (what, lines, manager)
    assert chapter.document()["what"] == what
