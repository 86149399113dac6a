"""The image tags of one environment for another. Pure."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cli.exits import Failure

Document = Mapping[str, Any]
Outcome = Literal["promoted", "same", "absent", "differs"]


@dataclass(frozen=True)
class Image:
    """What an application runs."""

    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class Move:
    """One application of the source: `before` is what the target runs, None when it has no such application.

    `outcome`: absent, the target has it not; differs, its image is of another repository, and stays. `note` is what
    the source's status has against it.
    """

    application: str
    before: Image | None
    after: Image
    outcome: Outcome
    note: str = ""

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "application": self.application,
            "before": vars(self.before) if self.before else None,
            "after": vars(self.after),
            "outcome": self.outcome,
            "note": self.note or None,
        }


def moves(source: Document, target: Document, names: Sequence[str], *, repositories: bool) -> tuple[Move, ...]:
    """What becomes of each application of `source`, or of `names`; `repositories` promotes these too.

    Raises `Failure` for a name that either has not.
    """
    there, here = _images(source), _images(target)
    for name in names:
        for images, document in ((there, source), (here, target)):
            if name not in images:
                known = ", ".join(images) or "none"
                raise Failure(f'{_place(document)} has no application "{name}": it has {known}')
    return tuple(
        _move(name, here.get(name), image, source, repositories=repositories)
        for name, image in there.items()
        if not names or name in names
    )


def promoted(target: Document, found: Sequence[Move]) -> dict[str, Any]:
    """The target's spec with what is promoted."""
    spec: dict[str, Any] = copy.deepcopy(dict(target["spec"]))
    new = {one.application: one.after for one in found if one.outcome == "promoted"}
    for row in spec.get("applications") or ():
        image = new.get(row["name"])
        if image is not None:
            row["image"] = {**row["image"], "repository": image.repository, "tag": image.tag}
    return spec


def _images(claim: Document) -> dict[str, Image]:
    rows = claim["spec"].get("applications") or ()
    return {row["name"]: Image(str(row["image"]["repository"]), str(row["image"]["tag"])) for row in rows}


def _move(name: str, before: Image | None, image: Image, source: Document, *, repositories: bool) -> Move:
    note = _note(source, name)
    if before is None:
        return Move(name, None, image, "absent", note)
    if before == image:
        return Move(name, before, image, "same", note)
    is_other = before.repository != image.repository
    return Move(name, before, image, "differs" if is_other and not repositories else "promoted", note)


def _note(source: Document, name: str) -> str:
    """What the source says of its own row, unless that is deployed."""
    status = source.get("status") or {}
    where = _place(source)
    if status.get("observedGeneration") != source["metadata"].get("generation"):
        return f"{where} is not looked at yet"
    row: Document = next((one for one in status.get("applications") or () if one.get("name") == name), {})
    deployed = row.get("deployed") or {}
    if row.get("state") == "Held":
        return f"held in {where}: {row.get('reason')}"
    if deployed.get("status") == "False":
        return f"not deployed in {where}: {deployed.get('reason')}"
    return ""


def _place(claim: Document) -> str:
    return str(claim["spec"].get("environment"))
