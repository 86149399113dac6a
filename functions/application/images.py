"""What the registries say about a claim's images, application by application."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.claims import Application, ApplicationClaim, ApplicationRow
from shared.conditions import IMAGES_RESOLVED
from shared.drafts import Hold
from shared.errors import InvalidClaim
from shared.oci import NotAllowed, Reference, Resolution, Resolved, TagMissing, parse
from shared.report import Report

RESOLVE_AGAIN = "platform.infraforge.io/resolve-images"
"""An annotation whose new value asks to resolve every image again."""

MAX_ANNOTATION = 256

INVALID_IMAGE = "InvalidImage"
"""The reason of an application whose image is not a name that a registry could be asked for."""


class ResolveAll(Protocol):
    """`shared.oci.Resolver.resolve_all`; `fresh` asks the registries, whatever was learned a moment ago."""

    def __call__(self, images: Iterable[Reference], *, fresh: bool) -> Mapping[Reference, Resolution]:
        """What became of each image."""


@dataclass
class Images:
    """Digests by application, the applications that are held back, and what is not known of the others."""

    digests: dict[str, str] = field(default_factory=dict)
    held: dict[str, Hold] = field(default_factory=dict)
    unknown: dict[str, Hold] = field(default_factory=dict)

    def mark(self, report: Report) -> None:  # type: ignore[type-arg]  # any status: only conditions are written
        """Say it in the condition `ImagesResolved`."""
        for status, group in (("False", self.held), ("Unknown", self.unknown)):
            if group:
                first = next(iter(group.values()))
                report.mark(IMAGES_RESOLVED, status, first.reason, _listed(group))  # type: ignore[arg-type]  # literals above
                return
        report.mark(IMAGES_RESOLVED, "True", "Resolved", f"{len(self.digests)} images have a digest")


def asked_again(claim: ApplicationClaim) -> str | None:
    """What the claim's annotation says, as far as a status has room for it."""
    value = claim.metadata.annotations.get(RESOLVE_AGAIN)
    return None if value is None else value[:MAX_ANNOTATION]


def image_of(application: Application) -> str:
    """The image as the claim names it."""
    return f"{application.image.repository}:{application.image.tag}"


def resolve(claim: ApplicationClaim, resolve_all: ResolveAll, *, fresh: bool) -> Images:
    """Resolve what has to be: an image whose digest is recorded is asked for again only when its claim is annotated.

    Then `fresh` asks the registries themselves, and otherwise what they said a moment ago will do.
    """
    images, wanted = Images(), {}
    again = asked_again(claim) != claim.status.imagesResolvedFor
    recorded = {row.name: row for row in claim.status.applications}
    for index, application in enumerate(claim.spec.applications):
        digest = _recorded_digest(recorded.get(application.name), application)
        if digest is not None:
            images.digests[application.name] = digest  # stands also where asking again brings no answer
            if not again:
                continue
        try:
            wanted[application.name] = parse(
                application.image.repository, application.image.tag, field=f"spec.applications[{index}].image"
            )
        except InvalidClaim as error:
            images.held[application.name] = Hold(INVALID_IMAGE, str(error))
    outcomes = resolve_all(list(wanted.values()), fresh=fresh and again) if wanted else {}
    for name, reference in wanted.items():
        _sort(images, name, outcomes[reference])
    return images


def _recorded_digest(row: ApplicationRow | None, application: Application) -> str | None:
    return row.digest if row is not None and row.image == image_of(application) else None


def _sort(images: Images, name: str, outcome: Resolution) -> None:
    if isinstance(outcome, Resolved):
        images.digests[name] = outcome.digest
    elif isinstance(outcome, TagMissing | NotAllowed):
        images.held[name] = Hold(outcome.reason, outcome.message)
    else:
        images.unknown[name] = Hold(outcome.reason, outcome.message)


def _listed(group: Mapping[str, Hold]) -> str:
    return "; ".join(f"{name}: {hold.message}" for name, hold in group.items())
