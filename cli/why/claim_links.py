"""The first links: the claim itself, the event that tells of it, its platform, and its way into Git. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cli.why.facts import BOOTSTRAP, ROWS, Facts, Row
from cli.why.links import Document, Link, State, conditions, items, part, text
from shared.managed_fields import last_manager

PATIENCE: Final = 10.0
"""Seconds in which a function should have looked at a change."""
CONFIRMATION: Final = "ConfirmationRequired"
_PASSING: Final = ("Pending", "Syncing", "Progressing", "NotInGit")
"""Reasons of a row's `deployed` that are no fault."""
_SHORT: Final = 8


def claim_links(facts: Facts) -> Iterator[Link]:
    """From the claim to its commit; it ends at the first that is not well."""
    yield _claim(facts)
    yield _event(facts)
    if facts.reference.kind != BOOTSTRAP:
        yield _platform(facts)
    yield _validity(facts)
    yield _commit(facts)


def row_link(facts: Facts, row: Row) -> Link:
    """Whether the row's files are in Git."""
    status = row.status
    if status is None:
        return Link("row", row.name, "waiting", "no function has told of it yet", _describe(facts))
    commit = text(status, "commit")
    if text(status, "state") == "Held":
        reason = text(status, "reason")
        runs = (f"commit {commit[:_SHORT]} is in Git as before",) if commit else ()
        return Link("row", row.name, "wrong", f"{reason}: {text(status, 'message')}", _mend(facts, reason), runs)
    doubt = text(status, "message")
    return Link(
        "row", row.name, "ok", f"its files are in Git as of {commit[:_SHORT]}", details=(doubt,) if doubt else ()
    )


def told_link(facts: Facts, row: Row) -> Link | None:
    """What the claim's own status tells of the row's deployment, for who cannot look at ArgoCD; None when nothing."""
    deployed = part(row.status, "deployed")
    status, reason = text(deployed, "status"), text(deployed, "reason")
    if not status:
        return None
    message = f"{reason}: {text(deployed, 'message')}".rstrip(": ")
    states: dict[str, State] = {"True": "ok", "False": "waiting" if reason in _PASSING else "wrong"}
    return Link("application", row.application, states.get(status, "unknown"), message, _describe(facts))


def _claim(facts: Facts) -> Link:
    manager = last_manager(facts.claim)
    when = _ago(manager.time, facts.now) if manager else ""
    by = f", last changed by {manager.name}{when}" if manager else ""
    deleted = text(part(facts.claim, "metadata"), "deletionTimestamp")
    if not deleted:
        return Link("claim", str(facts.reference), "ok", f"generation {facts.generation}{by}")
    ready = conditions(facts.claim).get("Ready")
    reason, said = text(ready, "reason"), text(ready, "message")
    why = f"; {reason}: {said}" if ready and text(ready, "status") != "True" else ""
    message = f"it is being deleted since {deleted}{why}"
    return Link("claim", str(facts.reference), "waiting", message, _mend(facts, reason))


def _event(facts: Facts) -> Link:
    """A function has seen this generation, or else the first station of the event's way that is not well."""
    observed = part(facts.claim, "status").get("observedGeneration")
    function = facts.reference.kind
    delivered = conditions(facts.claim).get("Delivered")
    given_up = text(delivered, "message") if text(delivered, "status") == "False" else ""
    if observed == facts.generation:
        seen = f"a function has looked at generation {facts.generation}"
        return Link("event", function, "ok", seen, details=(given_up,) if given_up else ())
    if given_up:
        return Link("event", function, "wrong", given_up, "infraforge events list")
    seen = f"generation {observed}" if observed is not None else "it never"
    message = f"no function has looked at generation {facts.generation} yet, the last that was looked at is {seen}"
    message = message if observed is not None else f"no function has ever looked at it: it is at {facts.generation}"
    broken = next((one for one in facts.path if not one.is_well), None)
    if broken is not None:
        return Link("event", broken.name, "wrong", f"{broken.message}; {message}", broken.look)
    manager = last_manager(facts.claim)
    age = _age(manager.time, facts.now) if manager else None
    if age is not None and age < PATIENCE:
        return Link("event", function, "waiting", f"{message}; it changed {age:.0f} s ago", _path(facts))
    lost = "; a lost event is made up for at the next resync (every 3 minutes unless installed otherwise)"
    return Link("event", function, "wrong", f"{message}{lost if facts.path else ''}", _path(facts))


def _path(facts: Facts) -> str:
    """The command that shows the way of events."""
    if facts.path:
        return facts.path[-1].look
    return (
        "kubectl get apiserversources.sources.knative.dev,brokers.eventing.knative.dev,triggers.eventing.knative.dev -A"
    )


def _platform(facts: Facts) -> Link:
    """The claim's environment exists by some BootstrapClaim."""
    if facts.bootstraps is None:
        return Link("platform", BOOTSTRAP, "unknown", "BootstrapClaims may not be read with these credentials")
    spec = part(facts.claim, "spec")
    type_, name = text(spec, "clusterType"), text(spec, "environment")
    for one in facts.bootstraps:
        clusters = items(part(one, "status"), "clusters")
        if any(text(each, "type") == type_ and name in (each.get("environments") or ()) for each in clusters):
            return Link("platform", _name(one), "ok", f"environment {type_}/{name} is there")
    if not facts.bootstraps:
        return Link("platform", BOOTSTRAP, "wrong", "there is no BootstrapClaim: nothing says which Gitea and clusters")
    one = facts.bootstraps[0]
    ready = conditions(one).get("Ready")
    metadata = part(one, "metadata")
    look = f"kubectl describe bootstrapclaim/{text(metadata, 'name')} -n {text(metadata, 'namespace')}"
    if ready is None or text(ready, "status") != "True":
        said = f"{text(ready, 'reason')}: {text(ready, 'message')}" if ready else "no function has looked at it yet"
        return Link("platform", _name(one), "wrong", f"environment {type_}/{name} is not there yet; {said}", look)
    return Link("platform", _name(one), "wrong", f"it names no environment {type_}/{name}: add it there", look)


def _validity(facts: Facts) -> Link:
    found = conditions(facts.claim).get("Valid")
    if found is None or text(found, "status") == "True":
        return Link("valid", str(facts.reference), "ok", text(found, "message"))
    message = f"{text(found, 'reason')}: {text(found, 'message')}"
    return Link("valid", str(facts.reference), _stuck(facts), message, _mend(facts, text(found, "reason")))


def _commit(facts: Facts) -> Link:
    """The claim is in Git. Rows that are held are told one by one, and do not keep the others back."""
    known, status = conditions(facts.claim), part(facts.claim, "status")
    commit = part(status, "commit")
    sha, url = text(commit, "sha"), text(commit, "url")
    ready, reason = known.get("Ready"), text(known.get("Ready"), "reason")
    if ready is not None and text(ready, "status") != "True" and not _is_of_rows(facts, reason):
        message = f"{reason}: {text(ready, 'message')}"
        return Link("commit", "voltran", _stuck(facts), message, _mend(facts, reason))
    if not sha:
        return Link("commit", "voltran", "ok", "it has nothing in Git")
    return Link("commit", "voltran", "ok", f"{sha[:_SHORT]}  {url}".rstrip())


def _is_of_rows(facts: Facts, reason: str) -> bool:
    """Whether held rows say themselves what keeps the claim; a removal that is held is of none that is left."""
    if reason == CONFIRMATION:
        return facts.is_part
    field, spec = ROWS.get(facts.reference.kind, ""), part(facts.claim, "spec")
    names = {text(one, "name") for one in items(spec, field)}
    states = items(part(facts.claim, "status"), field)
    return any(text(one, "state") == "Held" and text(one, "name") in names for one in states)


def _stuck(facts: Facts) -> State:
    """Wrong when only a person can help, by the claim's own word."""
    reason = text(conditions(facts.claim).get("Ready"), "reason")
    is_stalled = text(conditions(facts.claim).get("Stalled"), "status") == "True"
    return "wrong" if is_stalled or reason == CONFIRMATION else "waiting"


def _mend(facts: Facts, reason: str) -> str:
    return f"infraforge confirm {facts.reference}" if reason == CONFIRMATION else _describe(facts)


def _describe(facts: Facts) -> str:
    return f"kubectl describe {facts.target}"


def _name(document: Document) -> str:
    metadata = part(document, "metadata")
    return f"{BOOTSTRAP}/{text(metadata, 'namespace')}/{text(metadata, 'name')}"


def _age(when: str, now: datetime) -> float | None:
    try:
        return max((now - datetime.fromisoformat(when)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _ago(when: str, now: datetime) -> str:
    seconds = _age(when, now)
    if seconds is None:
        return ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f" {seconds / size:.0f} {unit} ago"
    return f" {seconds:.0f} s ago"
