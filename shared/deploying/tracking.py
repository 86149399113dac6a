"""What ArgoCD makes of a row's files, read off its own objects. Pure.

The rules are those that a real ArgoCD 3.6 was seen to follow (tests/recordings/argocd): `status.sync.revisions[]`
follows `sources[]`; an operation that fails and retries is `Running` all the time, so its message counts; a rendering
that fails leaves the old health and says `ComparisonError`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.claims import Deployed
from shared.conditions import ConditionStatus
from shared.deploying.landscape import Landscape
from shared.kube.client import Document
from shared.wording import listed

PENDING: Final = "Pending"
"""ArgoCD has yet to look at the row's commit."""
RUNNING: Final = "Deployed"
SYNC_FAILED: Final = "SyncFailed"
SET_FAILED: Final = "ApplicationSetError"
ROOT_FAILED: Final = "RootApplicationError"
OUT_OF_SYNC: Final = "OutOfSync"
NOT_IN_GIT: Final = "NotInGit"
PASSING: Final = frozenset({PENDING, "Syncing", "Progressing", OUT_OF_SYNC, NOT_IN_GIT})
"""Reasons that are no fault: it goes on by itself, or Git is what is in the way."""

MAX_NAMED: Final = 3
_WELL: Final = frozenset({"Healthy", "Suspended"})
_ROOT_ERRORS: Final = ("InvalidSpecError", "ComparisonError", "SyncError")
_FAILED: Final = frozenset({"Failed", "Error"})

Lag = Literal["set", "application"]
"""What ArgoCD has yet to look at: the set's file and what it generates, or what an Application deploys."""
Contains = Callable[[str, str], bool]
"""Whether a revision of `voltran` contains a commit."""


@dataclass(frozen=True)
class Target:
    """A row's Application as Git wants it.

    `source` is what its first source must say (`repoURL`, `targetRevision`, and `path` or `chart`); `commit` is the
    last one that changed the row's files, None while there are none; `before` is what was recorded last.
    """

    row: str
    application: str
    source: Mapping[str, str]
    commit: str | None
    before: Deployed | None = None


@dataclass(frozen=True)
class Verdict:
    """What becomes of a row, and which of ArgoCD's objects should be looked at again by ArgoCD for it to go on."""

    deployed: Deployed
    lags: Lag | None = None


def judge(target: Target, seen: Landscape, contains: Contains) -> Verdict:
    """Whether ArgoCD runs what the row's commit says; `contains` is asked only about a revision that is news."""
    if target.commit is None:
        return Verdict(_no(target, NOT_IN_GIT, "its files are not in Git"))
    application = seen.applications.get(target.application)
    if application is None:
        return _without_application(target, seen)
    spoiled = _condition(application, ("InvalidSpecError",))
    if spoiled:
        return Verdict(_no(target, *spoiled))
    if not _is_from(_sources(application, "spec"), target.source):
        failed = set_error(seen) or _root_error(seen)
        return Verdict(_no(target, *failed) if failed else _pending(target, "its chart"), "set")
    spoiled = _condition(application, ("ComparisonError",))
    if not _looked_at(target, application, contains):
        # what ArgoCD says is about an older revision, unless it cannot read any
        return Verdict(_no(target, *spoiled) if spoiled else _pending(target, "the commit"), "application")
    return Verdict(_no(target, *spoiled) if spoiled else _state(target, application))


def judge_root(name: str, document: Document | None) -> Deployed:
    """Whether a root Application brings what is in Git; it looks at every commit, so none is waited for."""
    if document is None:
        return Deployed(status="False", reason=PENDING, message=f'the Application "{name}" is not there yet')
    failed = _condition(document, _ROOT_ERRORS)
    if failed:
        return Deployed(status="False", reason=failed[0], message=failed[1])
    return _state(Target(name, name, {}, None), document)


def overall(rows: Mapping[str, Deployed | None]) -> tuple[ConditionStatus, str, str]:
    """Status, reason and message of the condition `Deployed` for rows by name."""
    open_ = {name: one for name, one in rows.items() if one is not None and one.status != "True"}
    if not open_:
        return "True", RUNNING, f"all {len(rows)} are deployed" if rows else "there is nothing to deploy"
    first = sorted(open_.items(), key=lambda item: item[1].reason in PASSING)
    named = [f"{name}: {one.message or one.reason}" for name, one in first]
    message = f"{len(rows) - len(open_)} of {len(rows)} are deployed; {listed(named, MAX_NAMED, '; ')}"
    return "False", first[0][1].reason, message


def _without_application(target: Target, seen: Landscape) -> Verdict:
    if seen.set is None:
        failed = _root_error(seen)
        waiting = f'ArgoCD has yet to make the ApplicationSet "{seen.place.set_name}"'
        return Verdict(_no(target, *(failed or (PENDING, waiting))), "set")
    failed = set_error(seen) or _root_error(seen)
    waiting = f'ArgoCD has yet to make the Application "{target.application}"'
    return Verdict(_no(target, *(failed or (PENDING, waiting))), "set")


def _looked_at(target: Target, application: Document, contains: Contains) -> bool:
    """Whether ArgoCD's comparison is about the row's commit, or a later one, and about its chart."""
    compared = _sources(application, "status", "sync", "comparedTo")
    if not _is_from(compared, target.source):
        return False
    place = next((index for index, source in enumerate(compared) if source.get("ref")), None)
    if place is None:
        return True  # values by URL have no revision
    revisions = _part(application, "status", "sync").get("revisions") or []
    revision = revisions[place] if len(revisions) > place else None
    if not isinstance(revision, str) or target.commit is None:
        return False
    before = target.before
    known = before is not None and before.status == "True" and before.commit == target.commit
    return known or contains(revision, target.commit)


def _state(target: Target, application: Document) -> Deployed:
    status = _part(application, "status")
    operation, health = _part(status, "operationState"), _part(status, "health")
    said = _text(operation.get("message"))
    if operation.get("phase") in {"Running", "Terminating"}:
        return _running(target, said)
    if _part(status, "sync").get("status") != "Synced":
        failed = _condition(application, ("SyncError", "UnknownError"))
        if failed or operation.get("phase") in _FAILED:
            return _no(target, SYNC_FAILED, said if operation.get("phase") in _FAILED or not failed else failed[1])
        return _no(target, OUT_OF_SYNC, "what runs differs from what is in Git")
    state = _text(health.get("status"))
    if state not in _WELL:
        return _no(
            target, state or "Progressing", _text(health.get("message")) or f"its health is {state or 'not known'}"
        )
    return Deployed(status="True", reason=RUNNING, message="", commit=target.commit)


def _running(target: Target, said: str) -> Deployed:
    """An operation that tries again says why only in every other message: the cause stays until there is another."""
    before = target.before
    if "Retrying" not in said and "failed" not in said:
        return _no(target, "Syncing", said or "ArgoCD is applying it")
    is_known = before is not None and (before.reason, before.commit) == (SYNC_FAILED, target.commit)
    return before if said.startswith("Retrying") and is_known and before else _no(target, SYNC_FAILED, said)


def _no(target: Target, reason: str, message: str) -> Deployed:
    return Deployed(status="False", reason=reason, message=message, commit=target.commit)


def _pending(target: Target, what: str) -> Deployed:
    return _no(target, PENDING, f"ArgoCD has yet to look at {what}")


def set_error(seen: Landscape) -> tuple[str, str] | None:
    """An error that only the set has."""
    for one in _list(_part(seen.set or {}, "status").get("conditions")):
        if one.get("type") == "ErrorOccurred" and one.get("status") == "True":
            return SET_FAILED, f'ApplicationSet "{seen.place.set_name}": {_text(one.get("message"))}'
    return None


def _root_error(seen: Landscape) -> tuple[str, str] | None:
    if seen.root is None:
        return ROOT_FAILED, f'the Application "{seen.place.root_name}" is missing: the BootstrapClaim makes it'
    found = _condition(seen.root, _ROOT_ERRORS)
    operation = _part(seen.root, "status", "operationState")
    if found is None and operation.get("phase") in _FAILED:
        found = "", _text(operation.get("message"))
    return (ROOT_FAILED, f'Application "{seen.place.root_name}": {found[1]}') if found else None


def _condition(application: Document, types: Iterable[str]) -> tuple[str, str] | None:
    """Type and message of the first such condition; an Application has one of a type only while it holds."""
    by_type = {one.get("type"): one for one in _list(_part(application, "status").get("conditions"))}
    return next(((type_, _text(by_type[type_].get("message"))) for type_ in types if type_ in by_type), None)


def _is_from(sources: list[Mapping[str, Any]], wanted: Mapping[str, str]) -> bool:
    return bool(sources) and all(sources[0].get(name) == value for name, value in wanted.items())


def _sources(document: Document, *path: str) -> list[Mapping[str, Any]]:
    part = _part(document, *path)
    return _list(part.get("sources")) or ([part["source"]] if isinstance(part.get("source"), dict) else [])


def _part(document: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        found = document.get(name)
        document = found if isinstance(found, dict) else {}
    return document


def _list(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
