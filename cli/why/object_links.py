"""The last links: the objects that an Application made, and the pods behind them. Pure."""

from collections.abc import Iterator
from typing import Final

from cli.why import health
from cli.why.facts import Rendered
from cli.why.links import Document, Link, State, part, text

MAX_EVENTS: Final = 3
_CRASHES: Final = ("CrashLoopBackOff", "exit code")


def object_links(objects: tuple[Rendered, ...]) -> Iterator[Link]:
    """A link for each object that is not well, those first that do not mend themselves."""
    found = [link for one in objects if (link := _link(one)) is not None]
    yield from sorted(found, key=lambda link: link.state != "wrong")


def _link(one: Rendered) -> Link | None:
    subject = f"{one.label} in {one.namespace}" if one.namespace else one.label
    if not one.is_seen:
        return None
    look = f"kubectl describe {one.label}{_place(one.namespace)}"
    if one.live is None:
        return Link("object", subject, "wrong", "it is not there", look)
    own = health.of(one.live)
    if own.state == "ok":
        return None
    events = tuple(_event(event) for event in one.events[:MAX_EVENTS])
    for pod in one.pods:
        deeper = health.of(pod)
        if deeper.state != "ok" and not text(part(pod, "metadata"), "deletionTimestamp"):
            name = text(part(pod, "metadata"), "name")
            message = f"{own.message}; pod {name}: {deeper.message}"
            state: State = "wrong" if "wrong" in (own.state, deeper.state) else "waiting"
            return Link("object", subject, state, message, _look_at_pod(name, one.namespace, deeper.message), events)
    return Link("object", subject, own.state, own.message, look, events)


def _look_at_pod(name: str, namespace: str, message: str) -> str:
    if any(word in message for word in _CRASHES):
        return f"kubectl logs {name}{_place(namespace)} --all-containers --previous"
    return f"kubectl describe pod/{name}{_place(namespace)}"


def _place(namespace: str) -> str:
    return f" -n {namespace}" if namespace else ""


def _event(event: Document) -> str:
    involved = part(event, "involvedObject")
    name = f"{text(involved, 'kind').lower()}/{text(involved, 'name')}"
    return f"{name}: {text(event, 'reason')}: {text(event, 'message')}"
