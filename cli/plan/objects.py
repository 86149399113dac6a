"""Rendered manifests as objects that can be compared, and shown to anybody."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from cli.plan import differences
from cli.plan.report import Change, ObjectChange
from cli.plan.stand_ins import UNRESOLVED
from shared import leaks
from shared.canonical import yaml_bytes
from shared.helm import documents

Document = Mapping[str, Any]
Key = tuple[str, str, str, str]
"""Group, kind, namespace and name."""

_SOURCE: Final = re.compile(r"^# Source: .*\n")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CLUSTER_SCOPED: Final = frozenset(
    {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "PersistentVolume", "StorageClass"}
)
_SYNC_OPTIONS: Final = "argocd.argoproj.io/sync-options"
_POLICY: Final = "helm.sh/resource-policy"
_HOOK: Final = "helm.sh/hook"
_HIDDEN: Final = "(hidden)"
_CHANGED: Final = "(hidden, and another)"
_FIXED: Final[Mapping[str, tuple[frozenset[str], bool]]] = {
    "StatefulSet": (
        frozenset(
            {
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            }
        ),
        True,
    ),
    "Deployment": (frozenset({"selector"}), False),
    "DaemonSet": (frozenset({"selector"}), False),
    "Job": (frozenset({"selector", "template", "completions"}), False),
}
"""Fields of a spec that never change; with True all fields but these (k8s.io/kubernetes/pkg/apis/apps/validation)."""
_UNREAD: Final = ("", "text", "", "")


@dataclass(frozen=True)
class Rendered:
    """One object as Helm printed it. `document` is None for what cannot be read."""

    text: str
    namespace: str

    @property
    def document(self) -> Document | None:
        """The object."""
        try:
            found = yaml.load(self.text, Loader=_LOADER)  # noqa: S506 - a safe loader, in C where there is one
        except (yaml.YAMLError, ValueError, RecursionError):
            return None
        return found if isinstance(found, Mapping) else None


def objects(stream: str, namespace: str) -> list[Rendered]:
    """The objects in what Helm prints, for a release in `namespace`."""
    return [Rendered(_SOURCE.sub("", text), namespace) for text in documents(stream)]


def compare(application: str, before: list[Rendered], after: list[Rendered]) -> Iterator[ObjectChange]:
    """What would become of an application's objects, in the order of their kinds and names."""
    same = {one for one in before if one in after}
    old, new = (_by_key([one for one in all_ if one not in same]) for all_ in (before, after))
    for key in sorted(old.keys() | new.keys()):
        yield from _change(application, key, old.get(key), new.get(key))


def _change(application: str, key: Key, before: Rendered | None, after: Rendered | None) -> Iterator[ObjectChange]:
    change: Change = "added" if before is None else "removed" if after is None else "changed"
    old, new = (None if one is None else one.document for one in (before, after))
    if old is not None and old == new:
        return  # comments and layout
    _, kind, namespace, name = key
    texts = _shown(before, old, None), _shown(after, new, old)
    diff = differences.unified(
        f"{kind}/{name}", *(text and text.replace(UNRESOLVED, differences.ASKED_LATER) for text in texts)
    )
    if texts[0] is not None and texts[0] == texts[1]:
        diff = f"{diff}(it differs in what is not shown)\n"
    kept = _kept(old) if change == "removed" else None
    yield ObjectChange(application, kind, namespace, name, change, diff, kept, refused=_refused(kind, old, new))


def _by_key(rendered: list[Rendered]) -> dict[Key, Rendered]:
    found: dict[Key, Rendered] = {}
    for number, one in enumerate(rendered):
        document = one.document
        if document is None:
            found[*_UNREAD[:3], f"document {number}"] = one
        elif not _is_test(document):
            found[_key(document, one.namespace)] = one
    return found


def _key(document: Mapping[str, Any], namespace: str) -> Key:
    metadata = _metadata(document)
    kind = str(document.get("kind"))
    place = "" if kind in _CLUSTER_SCOPED else str(metadata.get("namespace") or namespace)
    group = str(document.get("apiVersion")).rpartition("/")[0]  # a new version of a kind is the same object
    return group, kind, place, str(metadata.get("name"))


def _shown(rendered: Rendered | None, document: Document | None, other: Document | None) -> str | None:
    """The object's text, as anybody may see it: a Secret without its data, and nothing that looks like a credential."""
    if rendered is None:
        return None
    if document is None:
        return "(no YAML)\n"
    if document.get("kind") == "Secret":
        return _yaml(_masked(document, other or {}))
    found = leaks.find(document)
    if found:
        left_out = "".join(f"# not shown: {path}\n" for path in found)
        return left_out + _yaml(leaks.without(document, found))
    return rendered.text.strip("\n").replace(UNRESOLVED, differences.ASKED_LATER) + "\n"


def _masked(secret: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    masked = dict(secret)
    for field in ("data", "stringData"):
        values, others = secret.get(field), other.get(field)
        if isinstance(values, Mapping):
            known = others if isinstance(others, Mapping) else {}
            masked[field] = {
                key: _HIDDEN if key not in known or known[key] == value else _CHANGED for key, value in values.items()
            }
    return masked


def _yaml(document: Any) -> str:
    try:
        return yaml_bytes(document, sort_keys=False).decode()
    except ValueError:  # a key that is no text, a date
        return "(not shown: it holds what JSON cannot)\n"


def _metadata(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = document.get("metadata")
    return found if isinstance(found, Mapping) else {}


def _annotations(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = _metadata(document).get("annotations")
    return found if isinstance(found, Mapping) else {}


def _refused(kind: str, before: Document | None, after: Document | None) -> str | None:
    """What an API server refuses to change of an object that is there; None when nothing."""
    if before is None or after is None or kind not in _FIXED:
        return None
    fields, is_all_but = _FIXED[kind]
    old, new = _spec(before), _spec(after)
    differing = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    found = sorted(differing - fields if is_all_but else differing & fields)
    return ", ".join(f"spec.{name}" for name in found) or None


def _spec(document: Document) -> Document:
    found = document.get("spec")
    return found if isinstance(found, Mapping) else {}


def _kept(document: Document | None) -> str | None:
    """Why ArgoCD leaves an object there that nothing asks for any more."""
    if document is None:
        return None
    annotations = _annotations(document)
    if "Prune=false" in str(annotations.get(_SYNC_OPTIONS, "")).replace(" ", "").split(","):
        return f"{_SYNC_OPTIONS}: Prune=false"
    return f"{_POLICY}: keep" if annotations.get(_POLICY) == "keep" else None


def _is_test(document: Mapping[str, Any]) -> bool:
    """Whether it is there for `helm test` alone, which ArgoCD does not run."""
    hooks = {hook.strip() for hook in str(_annotations(document).get(_HOOK, "")).split(",")} - {""}
    return bool(hooks) and hooks <= {"test", "test-success", "test-failure"}
