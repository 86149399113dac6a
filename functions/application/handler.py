"""An ApplicationClaim's way into Git: images resolved, services bound, then as every claim of an environment."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.application import desired
from functions.application.binding import Binder, Binding
from functions.application.images import INVALID_IMAGE, Images, ResolveAll, asked_again, image_of, resolve
from shared.admission import Admission
from shared.argocd import Layout
from shared.attempt import Attempt
from shared.changes import Change
from shared.claims import ApplicationClaim, ApplicationRow, application_release
from shared.conditions import COMMITTED, IMAGES_RESOLVED
from shared.deploying import LastMile
from shared.drafts import Draft
from shared.environment_claims import EnvironmentHandler
from shared.environment_rows import Fate
from shared.environments import Environment
from shared.events import Event
from shared.git import Transaction
from shared.kinds import APPLICATION
from shared.kube.client import Document, Kube
from shared.reconciler import Inputs
from shared.recorded_set import chart_of
from shared.removal import Limits
from shared.rendering.gate import Gate
from shared.rendering.wanted import Wanted
from shared.steps import PROVIDE, RESOLVE
from shared.voltran import Voltran


@dataclass
class ApplicationDraft(Draft):
    """With what is known of the images, and of the services that the applications are bound to."""

    images: Images = field(default_factory=Images)
    binding: Binding = field(default_factory=Binding)

    @property
    def is_final(self) -> bool:
        """Not while a registry has yet to say something, or a password has yet to come."""
        return super().is_final and not self.images.unknown and self.binding.is_final

    def doubts(self, name: str) -> dict[str, str]:
        """Reason and message of a row that is in Git, and of which something is to be said all the same."""
        unknown, note = self.images.unknown.get(name), self.binding.notes.get(name)
        said = [(unknown.reason, f"deployed by its tag: {unknown.message}")] if unknown else []
        said += [(note.reason, note.message)] if note else []
        return {"reason": said[0][0], "message": "; ".join(message for _, message in said)} if said else {}


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
        kube: Kube,
        voltran: Voltran,
        limits: Limits,
        last_mile: LastMile,
        gate: Gate | None = None,
        resolve_all: ResolveAll,
        layout: Layout,
    ) -> None:
        super().__init__(admission=admission, voltran=voltran, limits=limits, last_mile=last_mile, gate=gate)
        self._resolve_all = resolve_all
        self._layout = layout
        self._binder = Binder(kube, admission)

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

    def renderings(
        self, claim: ApplicationClaim, environment: Environment, draft: ApplicationDraft
    ) -> Mapping[str, Wanted]:
        """Each application by its chart."""
        return desired.renderings(claim, environment, draft.folders)

    def prepare(self, attempt: Attempt[ApplicationClaim], environment: Environment) -> None:
        """Ask the registries before Git is locked, so that nobody waits there for a slow one, and bring the Secrets."""
        attempt.begin(RESOLVE)
        resolve(attempt.claim, self._resolve_all, fresh=True)
        attempt.begin(PROVIDE)
        attempt.report.enter(COMMITTED)
        self._binder.bind(attempt.claim, environment, fresh=True)

    def draft(self, attempt: Attempt[ApplicationClaim], environment: Environment) -> ApplicationDraft:
        """Values for every application whose image may be deployed, and the set."""
        claim = attempt.claim
        attempt.report.enter(IMAGES_RESOLVED)
        images = resolve(claim, self._resolve_all, fresh=False)  # a matter of memory by now
        images.mark(attempt.report)
        attempt.report.enter(COMMITTED)
        binding = self._binder.bind(claim, environment, fresh=False)  # the Secrets are a matter of memory, too
        pinned = images.digests if claim.spec.imagePolicy == "Digest" else {}
        draft = ApplicationDraft(
            folders=desired.applications(claim.spec.applications, pinned, binding.values),
            files=desired.deployment(claim, environment, self._layout),
            images=images,
            binding=binding,
        )
        for index, application in enumerate(claim.spec.applications):
            hold = images.held.get(application.name) or binding.held.get(application.name)
            if hold is not None:
                draft.hold_back(application.name, hold)
                # What is no image name may be a password.
                draft.unfit += [f"applications[{index}].image"] if hold.reason == INVALID_IMAGE else []
        return draft

    def change(
        self,
        git: Transaction,
        attempt: Attempt[ApplicationClaim],
        environment: Environment,
        draft: ApplicationDraft,
        fate: Fate,
    ) -> Change:
        """What is held back stays with the chart that it has in Git: its values were not meant for another."""
        there = set(self.there(git, environment)).intersection(draft.held)
        if there:
            recorded = git.read(self.set_path(environment))
            kept = {name: chart for name in there if (chart := chart_of(recorded, name))}
            draft.files = desired.deployment(attempt.claim, environment, self._layout, kept)
        return super().change(git, attempt, environment, draft, fate)

    def facts(self, attempt: Attempt[ApplicationClaim], index: int, draft: ApplicationDraft) -> dict[str, Any]:
        """Image and digest, and what is in doubt."""
        application = attempt.claim.spec.applications[index]
        hold, digest = draft.held.get(application.name), draft.images.digests.get(application.name)
        if hold is not None:  # what is no image name may be a password
            return {"image": None if hold.reason == INVALID_IMAGE else image_of(application), "digest": None}
        return {"image": image_of(application), "digest": digest} | draft.doubts(application.name)

    def basis(self, environment: Environment, draft: ApplicationDraft) -> Hashable:
        """The environment, and what it offers to the applications that are bound to something."""
        return environment if draft.binding.basis is None else (environment, draft.binding.basis)

    def survey(self, event: Event) -> Inputs | None:
        """Look at the environments, and once at all services, if a claim is asked after that binds some."""
        environments = super().survey(event)
        if environments is None:
            return None
        services = self._binder.survey()

        def inputs(document: Document) -> Hashable:
            environment = environments(document)
            if not isinstance(environment, Environment) or not _binds(document):
                return environment
            basis = services(document, environment)
            return None if basis is None else (environment, basis)

        return inputs

    def fields(self, attempt: Attempt[ApplicationClaim], draft: ApplicationDraft) -> dict[str, Any]:
        """For which wish the images were resolved."""
        claim = attempt.claim
        unknown = bool(draft.images.unknown)
        return {"imagesResolvedFor": claim.status.imagesResolvedFor if unknown else asked_again(claim)}


def _binds(document: Document) -> bool:
    """Whether a claim that nobody has validated mentions bindings."""
    spec = document.get("spec")
    rows = spec.get("applications") if isinstance(spec, dict) else None
    return any(isinstance(row, dict) and row.get("bindings") for row in rows) if isinstance(rows, list) else False
