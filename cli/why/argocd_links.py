"""ArgoCD's links: the root Application, the ApplicationSet and the Application of a row. Pure.

The rules are those that a real ArgoCD 3.6 was seen to follow (tests/recordings/argocd): `status.sync.revisions[]`
follows `sources[]`; an operation that fails and retries is `Running` all the time; a failing render leaves the old
health.
"""

import re
from typing import Final

from cli.why.facts import Facts, Row
from cli.why.links import Document, Link, State, conditions, items, part, text

_WELL: Final = ("Healthy", "Suspended")
_BY_HEALTH: Final[dict[str, State]] = {"Degraded": "wrong", "Missing": "wrong"}
_FAILED: Final = ("Failed", "Error")
_RETRYING: Final = re.compile(r"Retrying|failed|Failed")
_SHORT: Final = 8
_PENDING: Final = "Pending"
"""The reason in a row's `deployed` while ArgoCD has yet to look at its commit."""


def root_link(facts: Facts, name: str) -> Link:
    """The root Application. Its health is that of its sets, and each set speaks for itself."""
    document = facts.roots.get(name)
    look = _describe(facts, "applications", name)
    if document is None:
        said = f"namespace {facts.argocd} has no such Application: the BootstrapClaim makes it (--argocd-namespace)"
        return Link("root", name, "wrong", said, "kubectl get bootstrapclaims -A")
    entry = _entry_of(document, facts.set_name)
    trouble = _trouble(document)
    if trouble is not None:
        state, said = trouble
        return Link("root", name, state, said, look)
    sync = text(part(document, "status", "sync"), "status")
    if not sync:
        return Link("root", name, "waiting", "ArgoCD has not looked at it yet", look)
    if facts.rows and sync != "Synced" and text(entry, "status") != "Synced":
        what = f"ApplicationSet {facts.set_name}" if entry else "what it brings"
        return Link("root", name, "waiting", f"{sync}: {what} differs from Git", look)
    return Link("root", name, "ok", f"{sync} at {_revision(document)[:_SHORT]}")


def set_link(facts: Facts) -> Link:
    """The ApplicationSet that makes the claim's Applications."""
    name, document = facts.set_name, facts.set
    if document is None:
        said = "it is not there: its root Application has yet to bring it"
        return Link("set", name, "waiting", said, _refresh(facts, "applications", facts.root_name))
    failed = conditions(document).get("ErrorOccurred")
    if text(failed, "status") == "True":
        return Link("set", name, "wrong", text(failed, "message"), _describe(facts, "applicationsets", name))
    known = conditions(document).get("ResourcesUpToDate")
    if known is None:
        said = "ArgoCD has not looked at it yet"
        return Link("set", name, "waiting", said, _describe(facts, "applicationsets", name))
    return Link("set", name, "ok", text(known, "message"))


def application_link(facts: Facts, row: Row) -> Link:
    """The Application of a row, as far as itself goes: which of its objects is not well they say themselves."""
    name = row.application
    document = facts.applications.get(name)
    look = _describe(facts, "applications", name)
    if document is None:
        said = f"ApplicationSet {facts.set_name} has yet to make it"
        return Link("application", name, "waiting", said, _annotate(facts, facts.set_name))
    if text(part(document, "metadata"), "deletionTimestamp"):
        return Link("application", name, "waiting", "it is being deleted", look)
    trouble = _trouble(document)
    if trouble is not None:
        state, said = trouble
        return Link("application", name, state, said, look, _failed_objects(document))
    if not _has(row, document):
        said = (
            f"it was compared at {_revision(document)[:_SHORT] or 'no revision'}, before commit {_commit(row)[:_SHORT]}"
        )
        poll = "; ArgoCD looks every 3 minutes unless it is told to"
        return Link("application", name, "waiting", said + poll, _refresh(facts, "applications", name))
    return _state(name, document, look)


def _state(name: str, document: Document, look: str) -> Link:
    status = part(document, "status")
    sync, health = text(part(status, "sync"), "status"), part(status, "health")
    how = text(health, "status")
    if not sync:
        return Link("application", name, "waiting", "ArgoCD has not looked at it yet", look)
    if sync != "Synced":
        differing = [_object(one) for one in items(status, "resources") if text(one, "status") == sync]
        running = text(part(status, "operationState"), "phase") == "Running"
        said = f"{sync}, {how or 'health unknown'}" + ("; ArgoCD is applying it" if running else "")
        return Link("application", name, "waiting" if running else "wrong", said, look, tuple(differing))
    said = f"{sync}, {how or 'health unknown'} at {_revision(document)[:_SHORT]}"
    if how in _WELL:
        return Link("application", name, "ok", said)
    more = text(health, "message")
    message = f"{said}: {more}" if more else said
    return Link("application", name, _BY_HEALTH.get(how, "waiting"), message, look, is_from_below=True)


def _trouble(document: Document) -> tuple[State, str] | None:
    """What ArgoCD itself complains of: conditions that are errors, an operation that failed, or one that retries."""
    for one in items(part(document, "status"), "conditions"):
        if text(one, "type").endswith("Error"):
            return "wrong", f"{text(one, 'type')}: {text(one, 'message')}"
    operation = part(document, "status", "operationState")
    phase, said = text(operation, "phase"), text(operation, "message")
    if phase in _FAILED and text(part(document, "status", "sync"), "status") != "Synced":
        return "wrong", said or f"its last operation: {phase}"
    if phase in ("Running", "Terminating") and _RETRYING.search(said):
        return "wrong", said
    return None


def _failed_objects(document: Document) -> tuple[str, ...]:
    """Each object that could not be applied, with the API server's word."""
    results = items(part(document, "status", "operationState", "syncResult"), "resources")
    failed = [one for one in results if text(one, "status") == "SyncFailed" or text(one, "hookPhase") == "Failed"]
    return tuple(f"{_object(one)}: {text(one, 'message')}" for one in failed)


def _has(row: Row, document: Document) -> bool:
    """Whether ArgoCD's comparison is about the row's commit, or a later one.

    Only Git knows which commit comes after which; the functions have asked it, and the row says what they found.
    """
    commit = _commit(row)
    if not commit or not _values_revision(document) or _values_revision(document) == commit:
        return True
    deployed = part(row.status, "deployed")
    is_about_it = text(deployed, "commit") in ("", commit)
    return not (is_about_it and text(deployed, "reason") == _PENDING)


def _commit(row: Row) -> str:
    return text(row.status, "commit")


def _revision(document: Document) -> str:
    return _values_revision(document) or text(part(document, "status", "sync"), "revision")


def _values_revision(document: Document) -> str:
    """The revision of the source that holds values; empty where no source does."""
    spec, sync = part(document, "spec"), part(document, "status", "sync")
    sources = items(part(sync, "comparedTo"), "sources") or items(spec, "sources")
    place = next((index for index, one in enumerate(sources) if one.get("ref")), None)
    revisions = sync.get("revisions") or []
    found = revisions[place] if place is not None and len(revisions) > place else ""
    return found if isinstance(found, str) else ""


def _entry_of(root: Document, name: str) -> Document | None:
    return next((one for one in items(part(root, "status"), "resources") if text(one, "name") == name), None)


def _object(entry: Document) -> str:
    place = text(entry, "namespace")
    return f"{text(entry, 'kind')} {place + '/' if place else ''}{text(entry, 'name')}"


def _describe(facts: Facts, plural: str, name: str) -> str:
    return f"kubectl describe {plural}.argoproj.io/{name} -n {facts.argocd}"


def _refresh(facts: Facts, plural: str, name: str) -> str:
    target = f"{plural}.argoproj.io/{name} -n {facts.argocd}"
    return f"kubectl annotate {target} argocd.argoproj.io/refresh=normal --overwrite"


def _annotate(facts: Facts, name: str) -> str:
    target = f"applicationsets.argoproj.io/{name} -n {facts.argocd}"
    return f"kubectl annotate {target} argocd.argoproj.io/application-set-refresh=true --overwrite"
