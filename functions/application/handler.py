"""An ApplicationClaim's way into Git: admitted, images resolved, one commit, a row for each application."""

from typing import Final

from functions.application import desired
from functions.application.images import INVALID_IMAGE, Hold, Images, ResolveAll, asked_again, image_of, resolve
from shared.admission import Admission
from shared.argocd import Layout
from shared.claims import Application, ApplicationClaim, ApplicationRow, application_release
from shared.conditions import COMMITTED, IMAGES_RESOLVED, NOT_TRACKED, VALID
from shared.environments import Environment, check_names
from shared.git import Transaction
from shared.kinds import APPLICATION
from shared.reconciler import Attempt
from shared.voltran import Change, Voltran, Written, others

MAX_NAMED: Final = 5


class ApplicationHandler:
    """Converges one ApplicationClaim. Every collaborator is passed in; nothing is remembered between claims."""

    def __init__(self, *, admission: Admission, voltran: Voltran, resolve_all: ResolveAll, layout: Layout) -> None:
        self._admission = admission
        self._voltran = voltran
        self._resolve_all = resolve_all
        self._layout = layout

    def converge(self, attempt: Attempt[ApplicationClaim]) -> None:
        """Write the claim onto the head of Git that was known before the claim was read for good."""
        environment = self._admission.admit(attempt.claim, APPLICATION)
        # Once before Git is locked, so that nobody waits there for a slow registry; then it is a matter of memory.
        resolve(attempt.claim, self._resolve_all, fresh=True)
        with self._voltran.writing(environment.organization) as git:
            claim = attempt.reread()
            check_names(
                environment,
                [application_release(environment.name, one.name) for one in claim.spec.applications],
                "spec.applications",
            )
            attempt.report.mark(VALID, "True", "Valid", f'environment "{environment.name}" is this claim\'s')
            attempt.report.enter(IMAGES_RESOLVED)
            images = resolve(claim, self._resolve_all, fresh=False)
            images.mark(attempt.report)
            attempt.report.enter(COMMITTED)
            change = self._change(git, claim, environment, images)
            written = self._voltran.write(git, attempt, environment.name, change)
        self._report(attempt, environment, images, written)

    def _change(self, git: Transaction, claim: ApplicationClaim, environment: Environment, images: Images) -> Change:
        writable = [one for one in claim.spec.applications if one.name not in images.held]
        pinned = images.digests if claim.spec.imagePolicy == "Digest" else {}
        return Change(
            folders=desired.applications(writable, pinned, environment),
            files=desired.deployment(claim, environment, self._layout),
            removed=others(git, desired.folder(environment), {one.name for one in claim.spec.applications}),
            scope=(desired.folder(environment), desired.application_set_path(environment)),
        )

    def _report(
        self, attempt: Attempt[ApplicationClaim], environment: Environment, images: Images, written: Written
    ) -> None:
        claim, report = attempt.claim, attempt.report
        recorded = {row.name: row for row in claim.status.applications}
        report.set(
            applications=[
                self._row(one, recorded.get(one.name), environment, images, written) for one in claim.spec.applications
            ],
            commit=self._voltran.commit(environment.organization, written, attempt),
            checksum=written.change.checksum,
            imagesResolvedFor=claim.status.imagesResolvedFor if images.unknown else asked_again(claim),
        )
        report.mark(*NOT_TRACKED)
        count = len(written.change.folders)
        if images.held:
            reason, message = _why(images.held)
            report.mark(COMMITTED, "False", reason, f"{count} of {len(claim.spec.applications)} are in Git; {message}")
            report.held(reason, message)
        else:
            report.mark(COMMITTED, "True", "Committed", f"{count} applications and their ApplicationSet are in Git")
            report.ready("Committed", f"all {count} applications are in Git")

    def _row(
        self,
        application: Application,
        recorded: ApplicationRow | None,
        environment: Environment,
        images: Images,
        written: Written,
    ) -> ApplicationRow:
        name = application.name
        hold = images.held.get(name)
        if hold is not None:
            before = (recorded or ApplicationRow(name=name)).model_dump()
            # What is no image name may be a password: the message shows what can be shown of it.
            image = None if hold.reason == INVALID_IMAGE else image_of(application)
            now = {"state": "Held", "reason": hold.reason, "message": hold.message, "image": image, "digest": None}
            return ApplicationRow.model_validate(before | now)
        doubt = images.unknown.get(name)
        folder = f"{desired.folder(environment)}/{name}"
        return ApplicationRow(
            name=name,
            state="Committed",
            reason=doubt.reason if doubt else "Committed",
            message=f"deployed by its tag: {doubt.message}" if doubt else None,
            image=image_of(application),
            digest=images.digests.get(name),
            **self._voltran.row(environment.organization, written, folder, recorded),
        )


def _why(held: dict[str, Hold]) -> tuple[str, str]:
    """Reason and message for the claim as a whole: the first application's reason, a few by name."""
    named = [f"{name}: {hold.message}" for name, hold in list(held.items())[:MAX_NAMED]]
    more = [f"and {len(held) - MAX_NAMED} more"] if len(held) > MAX_NAMED else []
    return next(iter(held.values())).reason, "; ".join(named + more)
