"""An ApplicationClaim's way into Git: images resolved, then the way of every claim of an environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.application import desired
from functions.application.images import INVALID_IMAGE, Images, ResolveAll, asked_again, image_of, resolve
from shared.admission import Admission
from shared.argocd import Layout
from shared.attempt import Attempt
from shared.claims import ApplicationClaim, ApplicationRow, application_release
from shared.conditions import IMAGES_RESOLVED
from shared.deploying import LastMile
from shared.drafts import Draft
from shared.environment_claims import EnvironmentHandler
from shared.environments import Environment
from shared.kinds import APPLICATION
from shared.removal import Limits
from shared.steps import RESOLVE
from shared.voltran import Voltran


@dataclass
class ApplicationDraft(Draft):
    """With what is known of the images."""

    images: Images = field(default_factory=Images)

    @property
    def is_final(self) -> bool:
        """Not while a registry has yet to say something."""
        return super().is_final and not self.images.unknown


class ApplicationHandler(EnvironmentHandler[ApplicationClaim, ApplicationDraft]):
    """Converges one ApplicationClaim."""

    kind = APPLICATION
    rows = "applications"
    row_model = ApplicationRow
    role = "apps"

    def __init__(
        self,
        *,
        admission: Admission,
        voltran: Voltran,
        limits: Limits,
        last_mile: LastMile,
        resolve_all: ResolveAll,
        layout: Layout,
    ) -> None:
        super().__init__(admission=admission, voltran=voltran, limits=limits, last_mile=last_mile)
        self._resolve_all = resolve_all
        self._layout = layout

    def folder(self, environment: Environment) -> str:
        """One folder for each application."""
        return desired.folder(environment)

    def set_path(self, environment: Environment) -> str:
        """The environment's set of applications."""
        return desired.application_set_path(environment)

    def releases(self, claim: ApplicationClaim, environment: Environment) -> list[str]:
        """`<environment>-<application>`."""
        return [application_release(environment.name, one.name) for one in claim.spec.applications]

    def sources(self, claim: ApplicationClaim, environment: Environment) -> Mapping[str, Mapping[str, str]]:
        """The charts that the claim names."""
        return desired.sources(claim, environment, self._layout)

    def prepare(self, attempt: Attempt[ApplicationClaim], environment: Environment) -> None:
        """Ask the registries once before Git is locked, so that nobody waits there for a slow one."""
        attempt.begin(RESOLVE)
        resolve(attempt.claim, self._resolve_all, fresh=True)

    def draft(self, attempt: Attempt[ApplicationClaim], environment: Environment) -> ApplicationDraft:
        """Values for every application whose image may be deployed, and the set."""
        claim = attempt.claim
        attempt.report.enter(IMAGES_RESOLVED)
        images = resolve(claim, self._resolve_all, fresh=False)  # a matter of memory by now
        images.mark(attempt.report)
        pinned = images.digests if claim.spec.imagePolicy == "Digest" else {}
        draft = ApplicationDraft(
            folders=desired.applications(claim.spec.applications, pinned),
            files=desired.deployment(claim, environment, self._layout),
            images=images,
        )
        for index, application in enumerate(claim.spec.applications):
            hold = images.held.get(application.name)
            if hold is not None:
                draft.hold_back(application.name, hold)
                # What is no image name may be a password.
                draft.unfit += [f"applications[{index}].image"] if hold.reason == INVALID_IMAGE else []
        return draft

    def facts(self, attempt: Attempt[ApplicationClaim], index: int, draft: ApplicationDraft) -> dict[str, Any]:
        """Image and digest, and what is in doubt about them."""
        application = attempt.claim.spec.applications[index]
        hold, doubt = draft.held.get(application.name), draft.images.unknown.get(application.name)
        if hold is not None:  # what is no image name may be a password
            return {"image": None if hold.reason == INVALID_IMAGE else image_of(application), "digest": None}
        doubted = {"reason": doubt.reason, "message": f"deployed by its tag: {doubt.message}"} if doubt else {}
        return {"image": image_of(application), "digest": draft.images.digests.get(application.name)} | doubted

    def fields(self, attempt: Attempt[ApplicationClaim], draft: ApplicationDraft) -> dict[str, Any]:
        """For which wish the images were resolved."""
        claim = attempt.claim
        unknown = bool(draft.images.unknown)
        return {"imagesResolvedFor": claim.status.imagesResolvedFor if unknown else asked_again(claim)}
