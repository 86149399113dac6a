"""The comparison sees what it is there to see, and nothing that no two runs agree in."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.sandbox.timeline.chain import Case
from tests.sandbox.timeline.recording import Change, recorded
from tests.sandbox.timeline.stories import meaning, tell
from tests.sandbox.timeline.test_timeline import differences

Json = dict[str, Any]
Edit = Callable[[Change], Change | None]
"""What becomes of a change in the other run; None takes it out."""


def edited(edit: Callable[[Json], object], *, kind: str = "Application", event: str = "") -> Edit:
    """Change every object of a kind, in changes of one type if it is given."""

    def apply(change: Change) -> Change:
        if change.kind != kind or event not in ("", change.event):
            return change
        value = deepcopy(change.object)
        edit(value)
        return Change(change.case, change.seconds, change.event, value)

    return apply


def replaced(old: str, new: str) -> Edit:
    """Change words wherever they are."""

    def apply(change: Change) -> Change:
        text = json.dumps(change.object).replace(old, new)
        return Change(change.case, change.seconds, change.event, json.loads(text))

    return apply


def without(event: str, name: str) -> Edit:
    """Leave one kind of change to one object out."""
    return lambda change: None if (change.event, change.name) == (event, name) else change


def compared(case: str, edit: Edit) -> list[str]:
    """The differences between a recorded case and the same with every change edited."""
    changes = recorded()[case]
    others = [other for change in changes if (other := edit(change)) is not None]
    return list(differences(Case(case, ()), tell(changes, {}), tell(others, {})))


def state(value: Json) -> Json:
    """The state of an Application's operation, or somewhere to write one."""
    found: Json = (value.get("status") or {}).get("operationState") or {}
    return found


@pytest.mark.parametrize(
    ("case", "edit", "says"),
    [
        pytest.param(
            "new-folder-then-refresh",
            edited(lambda value: value["metadata"].pop("finalizers", None)),
            "end.finalizers",
            id="an Application without its finalizer",
        ),
        pytest.param(
            "set-recreated-adopts",
            edited(lambda value: value["metadata"].pop("ownerReferences", None)),
            "end.owners",
            id="an Application without its owner",
        ),
        pytest.param(
            "set-deleted", without("DELETED", "dev-user-service"), "appears", id="an Application that never goes"
        ),
        pytest.param(
            "credentials-added-then-refresh",
            without("ADDED", "dev-user-service"),
            "appears",
            id="an Application that nobody made",
        ),
        pytest.param("set-deleted", without("DELETED", "dev-apps"), "ApplicationSet/dev-apps", id="a set that stays"),
        pytest.param(
            "chart-missing", replaced("app path does not exist", "no chart"), "end.conditions", id="a message"
        ),
        pytest.param(
            "bad-values-schema",
            replaced("got string, want integer", "is wrong"),
            "end.conditions",
            id="what Helm says",
        ),
        pytest.param("bad-values-schema", replaced("ComparisonError", "SyncError"), "end.conditions", id="a type"),
        pytest.param(
            "template-missing-key",
            replaced("RenderTemplateParamsError", "ApplicationGenerationFromParamsError"),
            "condition ErrorOccurred",
            id="a set's reason",
        ),
        pytest.param("health", replaced('"Healthy"', '"Suspended"'), "end.health", id="a health"),
        pytest.param("edit-then-refresh", replaced('"OutOfSync"', '"Synced"'), "path.sync", id="a state on the way"),
        pytest.param(
            "namespace-missing",
            edited(lambda value: state(value).update(phase="Failed")),
            "path.operation",
            id="an operation that ends where it went on",
        ),
        pytest.param(
            "namespace-missing", replaced("Retrying attempt", "Giving up after"), "path.operation", id="what it says"
        ),
        pytest.param(
            "edit-then-refresh",
            edited(lambda value: value["status"]["sync"].pop("revisions", None)),
            "revisions",
            id="commits that are not told",
        ),
        pytest.param(
            "raw-url-values-private", replaced("{{ .path.path }}", "{{ .path }}"), "end.spec", id="another template"
        ),
        pytest.param("root-new-set-refresh", replaced('"stage"', '"dev"'), "end.resources", id="another namespace"),
        pytest.param(
            "tag-moved-on", replaced("Prune=false,Delete=false", "Prune=false"), "end.annotations", id="an annotation"
        ),
        pytest.param(
            "safe-removal-of-a-set-file",
            replaced('"requiresPruning": true', '"hook": true'),
            "end.resources",
            id="a set that waits to be pruned",
        ),
    ],
)
def test_what_is_seen(case: str, edit: Edit, says: str) -> None:
    """A run that is different in one of these is found to be."""
    found = compared(case, edit)
    assert any(says in line for line in found), found


@pytest.mark.parametrize("case", recorded())
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda change: change, id="nothing"),
        pytest.param(lambda change: Change(change.case, change.seconds * 2, change.event, change.object), id="seconds"),
        pytest.param(edited(lambda value: value["metadata"].update(generation=7)), id="generations"),
        pytest.param(edited(lambda value: state(value).update(startedAt="1970-01-01T00:00:00Z")), id="times"),
        pytest.param(lambda change: None if change.kind == "Event" else change, id="Events"),
    ],
)
def test_what_is_not_seen(case: str, edit: Edit) -> None:
    """What differs between any two runs is no difference."""
    assert compared(case, edit) == []


@pytest.mark.parametrize(
    ("message", "means"),
    [
        ("Retrying attempt #1 at 7:41AM.", "Retrying attempt #1 at <time>."),
        (f"Skipping sync attempt to [{'0a' * 20}]: x", "Skipping sync attempt to [<commit>]: x"),
        (
            "failed to execute helm template command: failed running helm: `helm template . --name x` failed exit "
            "status 1: Error: open <path to cached source>/environments/a/values.yaml: no such file",
            "helm: Error: open <source>/environments/a/values.yaml: no such file",
        ),
        ("Error: open /tmp/x-y/environments/a: no", "Error: open <source>/environments/a: no"),
        ("repository not found: Repository not found\n", "repository not found: Repository not found"),
    ],
)
def test_meanings(message: str, means: str) -> None:
    """What is left of a message."""
    assert meaning(message) == means
