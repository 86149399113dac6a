"""From what a handler did on the stage to what a person wants to know of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cli.plan import differences
from cli.plan.rehearsal import Played
from cli.plan.rendering import Asked, Renderer
from cli.plan.report import Change, ClaimPlan, Confirmation, Fault, FileChange, ImageChange, ObjectChange, Pruned
from cli.plan.stage import Stage
from cli.plan.stand_ins import UNRESOLVED, Edit
from cli.plan.wishes import Wish
from shared.canonical import yaml_bytes
from shared.changes import KEEP
from shared.claims import CONFIRM_REMOVAL
from shared.claims.names import RESERVED_SERVICE
from shared.claims.status import ClaimStatus
from shared.conditions import READY
from shared.environment_conclusion import CONFIRMATION
from shared.kube.client import Document


@dataclass(frozen=True)
class Part:
    """Which part of an environment is a kind's: the list in its spec, its folder, and its set."""

    rows: str
    folder: str
    set_path: str
    is_shared: bool = False
    """Whether all rows are in one file, and one Application."""

    def owns(self, row: str) -> bool:
        """Whether a folder that the set deploys is the claim's own."""
        return self.rows == "applications" or (row == RESERVED_SERVICE) is self.is_shared

    def rows_of(self, status: ClaimStatus) -> Sequence[Any]:
        """The rows of a status."""
        return list(getattr(status, self.rows))


def _part(kind: str, place: str) -> Part | None:
    """None for a kind that has no environment."""
    type_, _, name = place.partition("/")
    environment = f"environments/{place}"
    match kind:
        case "ApplicationClaim":
            return Part("applications", f"{environment}/applications", f"appsets/{type_}/apps/{name}-appset.yaml")
        case "PlatformClaim" | "InfrastructureClaim":
            set_path = f"appsets/{type_}/platform/{name}-platform-appset.yaml"
            if kind == "PlatformClaim":
                return Part("services", f"{environment}/platform", set_path)
            return Part("namespaces", f"{environment}/platform/namespaces", set_path, is_shared=True)
    return None


ARGOCD: Final = ("appprojects", "applications")
_VALUES: Final = "/values.yaml"
_DIGEST: Final = "Digest"


def describe(wish: Wish, played: Played | None) -> ClaimPlan:
    """The plan of one claim, but for what is rendered. `played` is None for one that no handler could take."""
    plan = ClaimPlan(wish.kind.name, wish.namespace, wish.name, wish.manifest.origin)
    plan.claim = "created" if wish.live is None else "changed" if wish.is_news else "unchanged"
    plan.errors += wish.faults
    plan.notes += wish.notes
    if played is None:
        return plan
    spec: Mapping[str, Any] = wish.manifest.document["spec"]
    plan.place = "/".join(str(spec[key]) for key in ("clusterType", "environment") if key in spec)
    if played.stopped is not None:
        plan.errors.append(Fault("", str(played.stopped), played.stopped.reason))
    part = _part(plan.kind, plan.place)
    rows = part.rows_of(played.status) if part else []
    plan.errors += _held_rows(part, spec, rows) if part else ()
    if played.edit is not None:
        kept = _kept(part, rows) if part else {}
        plan.files += files(played.edit, {} if part and part.is_shared else kept)
        plan.prunes += _prunes(played.edit, kept)
        plan.images += _images(played.edit)
    if played.status.confirmation:
        said = {one.type: one.message for one in played.status.conditions if one.reason == CONFIRMATION}
        asked = said.get(READY) or next(iter(said.values()), "")
        plan.confirmation = Confirmation(asked, f"{CONFIRM_REMOVAL}={played.status.confirmation}")
    plan.notes += _digests(spec, plan)
    return plan


def render(plan: ClaimPlan, played: Played, renderer: Renderer) -> None:
    """Add what ArgoCD would make of the claim's files."""
    part, edit = _part(plan.kind, plan.place), played.edit
    if part is None or edit is None:
        return
    kept = {} if part.is_shared else {one.path: None for one in plan.prunes if one.held}
    held = frozenset(path.rpartition("/")[2] for path in kept)
    asked = Asked(part.set_path, part.owns, [row.name for row in part.rows_of(played.status)], held)
    plan.objects += renderer.compare(edit.before, edit.after.after(kept), asked)


def platform_objects(plan: ClaimPlan, stage: Stage) -> None:
    """Add what the bootstrap function itself would write into ArgoCD's namespace."""
    for plural in ARGOCD:
        for before, after in stage.changed(f"apis/argoproj.io/v1alpha1 {plural}"):
            either = after or before
            if either is None:
                continue
            old, new = (None if one is None else _essence(one) for one in (before, after))
            if old != new:
                metadata = either["metadata"]
                title = f"{either['kind']}/{metadata['name']}"
                plan.objects.append(
                    ObjectChange(
                        "ArgoCD",
                        either["kind"],
                        metadata.get("namespace", ""),
                        metadata["name"],
                        _change(old, new),
                        differences.unified(title, old, new),
                    )
                )


def _essence(document: Document) -> str:
    """What a person wrote of an object."""
    kept = {key: document["metadata"][key] for key in ("name", "namespace", "labels") if key in document["metadata"]}
    return yaml_bytes(
        {key: document.get(key) for key in ("apiVersion", "kind")} | {"metadata": kept, "spec": document.get("spec")},
        sort_keys=True,
    ).decode()


def files(edit: Edit, kept: Mapping[str, str]) -> Iterator[FileChange]:
    """Every file that differs, and those below the folders that are `kept` until their removal is confirmed."""
    before, after = edit.before, edit.after
    for path in sorted(before.files.keys() | after.files.keys()):
        old, new = before.read(path), after.read(path)
        held = any(path.startswith(f"{folder}/") for folder in kept.values())
        if held:
            new = None
        if old == new:
            continue
        diff, hidden = differences.shown(old, new, path)
        yield FileChange(path, _change(old, new), diff, hidden, held)


def _change(old: object | None, new: object | None) -> Change:
    return "added" if old is None else "removed" if new is None else "changed"


def _held_rows(part: Part, spec: Mapping[str, Any], rows: Sequence[Any]) -> Iterator[Fault]:
    """The rows that would not be written, by their places in the claim."""
    places = {row["name"]: index for index, row in enumerate(spec.get(part.rows) or ())}
    for row in rows:
        if row.state == "Held" and row.reason != CONFIRMATION:
            where, message = f"{part.rows}[{places[row.name]}]", str(row.message or "")
            yield Fault("" if where in message else f"spec.{where}", message, row.reason)


def _kept(part: Part, rows: Sequence[Any]) -> dict[str, str]:
    """Name → path of what stays until its removal is confirmed."""
    held = (row.name for row in rows if row.state == "Held" and row.reason == CONFIRMATION)
    return {name: f"{part.folder}{_VALUES}" if part.is_shared else f"{part.folder}/{name}" for name in held}


def _prunes(edit: Edit, kept: Mapping[str, str]) -> Iterator[Pruned]:
    for name, path in sorted(kept.items()):
        yield Pruned(name, path, held=True)
    for strange, paths in ((False, edit.change.removed), (True, edit.change.strays)):
        for path in sorted(paths):
            is_there = edit.before.read(path) is not None or edit.before.names(path)
            if is_there and not path.endswith(f"/{KEEP}"):
                yield Pruned(path.rpartition("/")[2], path, strange=strange)


def _images(edit: Edit) -> Iterator[ImageChange]:
    """Of every values file that says an image, as far as it is another one."""
    for path in sorted(edit.before.files.keys() | edit.after.files.keys()):
        if not path.endswith(_VALUES):
            continue
        old, new = edit.before.read(path), edit.after.read(path)
        if old == new:
            continue
        before, after = (_image(differences.values(content)) for content in (old, new))
        if before != after:
            yield ImageChange(path.split("/")[-2], before, after)


def _image(values: Mapping[str, Any]) -> str | None:
    image = values.get("image")
    if not isinstance(image, Mapping) or not isinstance(image.get("repository"), str):
        return None
    digest = image.get("digest")
    pinned = f"@{digest}" if isinstance(digest, str) else ""
    return f"{image['repository']}:{image.get('tag')}{pinned}".replace(UNRESOLVED, differences.ASKED_LATER)


def _digests(spec: Mapping[str, Any], plan: ClaimPlan) -> Iterator[str]:
    if spec.get("imagePolicy") != _DIGEST:
        return
    asked = [one.application for one in plan.images if one.after and one.after.endswith(differences.ASKED_LATER)]
    if asked:
        yield f"imagePolicy is Digest: the registry is asked for the digest of {', '.join(asked)} when it is applied"
