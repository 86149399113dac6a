"""What happened to an object in a case, cut down to what can be compared between two runs.

A story holds what a real ArgoCD and the stand-in must agree in: that the object appears or goes, the states it passes,
and what it is in the end. Left out is what no two runs of the real one agree in either (times, identifiers, commits,
generations, Kubernetes Events), and some states that the recording itself shows at one time and not at another; each
such rule is a function here, with its reason.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.sandbox.timeline.recording import Change

Json = dict[str, Any]
Name = tuple[str, str]
"""Kind and name."""

FOLLOWED: Final = ("Application", "ApplicationSet")
_OURS: Final = "argocd.argoproj.io/"
_REFRESH_SET: Final = f"{_OURS}application-set-refresh"
_TIME: Final = re.compile(r"\b\d{1,2}:\d\d[AP]M\b")
_SHA: Final = re.compile(r"\b[0-9a-f]{40}\b")
_COMMAND: Final = re.compile(
    r"failed to execute helm template command: failed running helm: `.*?` failed exit status 1: "
)
_CACHED: Final = re.compile(r"(<path to cached source>|(?<=[ ])/[^ :]*?)(?=/environments/)")


@dataclass
class Story:
    """`path` is the states that an object passed, by what they are states of; `start` those that it had before.

    `revisions` are the commits that it was last compared with, `last` what it was before its deletion began.
    """

    start: dict[str, str] = field(default_factory=dict)
    revisions: list[str] = field(default_factory=list)
    appears: list[str] = field(default_factory=list)
    path: dict[str, list[str]] = field(default_factory=dict)
    last: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """The stories of a case, and every object that is known as it is after it; one that is gone is not there."""

    stories: Mapping[Name, Story]
    objects: Mapping[Name, Json]


def tell(changes: Iterable[Change], before: Mapping[Name, Json]) -> Outcome:
    """Return what came of a case; `before` holds the objects as they were, as far as they are known."""
    found: dict[Name, Story] = {}
    last: dict[Name, Json] = dict(before)
    for change in changes:
        name = (change.kind, change.name)
        if change.kind not in FOLLOWED:
            continue
        if name not in found:
            # Of an object that is first seen when it changes, nobody recorded from what.
            known = last.get(name, change.object if change.event == "MODIFIED" else None)
            found[name] = Story(_states(known), _revisions(known), last=facts(known)) if known else Story()
        story = found[name]
        if change.event == "DELETED":
            story.appears.append("gone")
            last.pop(name, None)
            continue
        if change.event == "ADDED":
            story.appears.append("there")
            story.start, story.revisions = {}, []
        _pass(story, change.object)
        last[name] = change.object
    for story in found.values():
        story.path = {key: _usual(key, states) for key, states in story.path.items() if states}
    return Outcome(found, last)


def facts(value: Json) -> Json:
    """Return what an object is, in both runs' words."""
    return _application(value) if value["kind"] == "Application" else _application_set(value)


def meaning(message: str) -> str:
    """Return a message without what differs between two runs: clock times, commits, Helm's command line and folders."""
    text = _COMMAND.sub("helm: ", message)
    text = _SHA.sub("<commit>", _TIME.sub("<time>", text))
    return _CACHED.sub("<source>", text).strip()


def _pass(story: Story, value: Json) -> None:
    if "deletionTimestamp" in value["metadata"]:
        # What is told of an Application while its objects go is a race in the real one: of two Applications deleted
        # at once, one was seen OutOfSync and Missing, the other not (`folder-removed`, `chart-by-template-patch`).
        if "going" not in story.appears[-1:]:
            story.appears.append("going")
        return
    story.last = facts(value)
    revisions = _revisions(value)
    if revisions and revisions != story.revisions:
        moved = ["-" if commit in story.revisions else "moved" for commit in revisions]
        story.path.setdefault("revisions", []).append(" ".join(moved))
        story.revisions = revisions
    for key, state in _states(value).items():
        states = story.path.setdefault(key, [])
        if state and state != (states[-1] if states else story.start.get(key, "")):
            states.append(state)


def _states(value: Json) -> dict[str, str]:
    status = value.get("status") or {}
    if value["kind"] == "ApplicationSet":
        conditions = status.get("conditions") or ()
        return {f"condition {c['type']}": f"{c['status']} {c['reason']}: {meaning(c['message'])}" for c in conditions}
    return {
        "sync": (status.get("sync") or {}).get("status", ""),
        "health": _health(status.get("health") or {}),
        "operation": " ".join(_operation(value) or ()).strip(),
        "conditions": "; ".join(f"{one['type']}: {meaning(one['message'])}" for one in status.get("conditions") or ()),
    }


def _revisions(value: Json) -> list[str]:
    """Return the commits that an Application was compared with, in the order of its sources."""
    sync = (value.get("status") or {}).get("sync") or {}
    found = sync.get("revisions") or [sync.get("revision", "")]
    return found if all(_SHA.fullmatch(commit) for commit in found) else []


def _health(health: Json) -> str:
    # A root application is Progressing for the milliseconds between a set's creation and its conditions, or between
    # the mark of its deletion and its end, if it is looked at just then: it was in `charts-by-immutable-tag` and was
    # not in `root-new-set-refresh`.
    if health.get("status") == "Progressing" and "ApplicationSet:" in health.get("message", ""):
        return ""
    return f"{health.get('status', '')} {health.get('message', '')}".strip()


def _operation(value: Json) -> tuple[str, str] | None:
    """Return phase and message of an Application's operation; None for one that heals, and has not failed."""
    # A first sync is followed by a second, partial one that changes nothing, if the comparison was made before the
    # first one's last object was seen: `user-service` in `credentials-added-then-refresh` and not `order-service`.
    # What such an operation is doing is left out; what comes of it is in the sync status and in the objects.
    state = (value.get("status") or {}).get("operationState") or {}
    operations = (value.get("operation"), state.get("operation"))
    heals = any("autoHealAttemptsCount" in (one.get("sync") or {}) for one in operations if one)
    if heals and state.get("phase", "Running") in ("Running", "Succeeded"):
        return None
    return state.get("phase", ""), meaning(state.get("message", ""))


def _usual(key: str, states: Sequence[str]) -> list[str]:
    """Return the states without those that only some runs pass."""
    kept = list(states)
    if key == "health":
        kept = _without_brief_health(kept)
    return kept


def _without_brief_health(states: list[str]) -> list[str]:
    # Between the ConfigMap's creation and the Deployment's, an Application is Healthy for some 10 ms, if it is looked
    # at just then: it was in `list-generator`, and was not in `chart-by-files-generator`.
    return [
        state
        for index, state in enumerate(states)
        if not (state == "Healthy" and states[index - 1 : index] == ["Missing"] and states[index + 1 : index + 2])
    ]


def _application(value: Json) -> Json:
    metadata, status = value["metadata"], value.get("status") or {}
    if "deletionTimestamp" in metadata:
        return {"deleted": True, "finalizers": metadata.get("finalizers") or []}
    health = status.get("health") or {}
    return {
        **_identity(value),
        "sync": (status.get("sync") or {}).get("status", ""),
        "revisions": len((status.get("sync") or {}).get("revisions") or ()),
        "health": [health.get("status", ""), health.get("message", "")],
        "operation": list(_operation(value) or ("Succeeded", "successfully synced (all tasks run)")),
        "conditions": sorted([one["type"], meaning(one["message"])] for one in status.get("conditions") or ()),
        "resources": sorted(_resource(one) for one in status.get("resources") or ()),
    }


def _application_set(value: Json) -> Json:
    status = value.get("status") or {}
    health = status.get("health") or {}
    conditions = status.get("conditions") or ()
    return {
        **_identity(value),
        "refresh": _REFRESH_SET in (value["metadata"].get("annotations") or {}),
        "health": [health.get("status", ""), meaning(health.get("message", ""))],
        "conditions": sorted([c["type"], c["status"], c["reason"], meaning(c["message"])] for c in conditions),
        "resources": sorted(one["name"] for one in status.get("resources") or ()),
    }


def _identity(value: Json) -> Json:
    metadata = value["metadata"]
    annotations = metadata.get("annotations") or {}
    owners = metadata.get("ownerReferences") or ()
    return {
        "labels": metadata.get("labels") or {},
        "annotations": {
            key: text for key, text in annotations.items() if key.startswith(_OURS) and not key.endswith("refresh")
        },
        "finalizers": metadata.get("finalizers") or [],
        "owners": [[one["kind"], one["name"]] for one in owners],
        "spec": value["spec"],
    }


def _resource(one: Json) -> list[str]:
    pruning = "prune" if one.get("requiresPruning") else ""
    health = (one.get("health") or {}).get("status", "")
    return [one["kind"], one.get("namespace", ""), one["name"], one["status"], health, pruning]
