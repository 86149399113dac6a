"""A PlatformClaim's way into Git: admitted, one commit, a row for each service."""

from functions.platform import desired
from shared.admission import Admission
from shared.argocd import Layout
from shared.claims import PlatformClaim, Service, ServiceRow, service_release
from shared.conditions import COMMITTED, NOT_TRACKED, VALID
from shared.environments import Environment, check_names
from shared.git import Transaction
from shared.kinds import PLATFORM
from shared.reconciler import Attempt
from shared.voltran import Change, Voltran, Written, others

EXTERNAL_NOT_SUPPORTED = "ExternalNotSupported"


class PlatformHandler:
    """Converges one PlatformClaim. Every collaborator is passed in; nothing is remembered between claims."""

    def __init__(self, *, admission: Admission, voltran: Voltran, layout: Layout) -> None:
        self._admission = admission
        self._voltran = voltran
        self._layout = layout

    def converge(self, attempt: Attempt[PlatformClaim]) -> None:
        """Write the claim onto the head of Git that was known before the claim was read for good."""
        environment = self._admission.admit(attempt.claim, PLATFORM)
        with self._voltran.writing(environment.organization) as git:
            claim = attempt.reread()
            releases = [service_release(environment.name, one.name) for one in claim.spec.services]
            check_names(environment, releases, "spec.services")
            attempt.report.mark(VALID, "True", "Valid", f'environment "{environment.name}" is this claim\'s')
            attempt.report.enter(COMMITTED)
            change = self._change(git, claim, environment)
            written = self._voltran.write(git, attempt, environment.name, change)
        self._report(attempt, environment, written)

    def _change(self, git: Transaction, claim: PlatformClaim, environment: Environment) -> Change:
        known = {service.name for service in claim.spec.services} | desired.foreign()
        folders = desired.services((one for one in claim.spec.services if one.type == "internal"), environment)
        return Change(
            folders=folders,
            files=desired.deployment(claim, environment, self._layout),
            removed=others(git, desired.folder(environment), known),
            scope=(*folders, desired.application_set_path(environment)),
        )

    def _report(self, attempt: Attempt[PlatformClaim], environment: Environment, written: Written) -> None:
        claim, report = attempt.claim, attempt.report
        recorded = {row.name: row for row in claim.status.services}
        report.set(
            services=[self._row(one, recorded.get(one.name), environment, written) for one in claim.spec.services],
            commit=self._voltran.commit(environment.organization, written, attempt),
            checksum=written.change.checksum,
        )
        report.mark(*NOT_TRACKED)
        count = len(written.change.folders)
        external = [service.name for service in claim.spec.services if service.type == "external"]
        if external:
            message = (
                f"{', '.join(external)}: type external is not built yet; use type internal, "
                "or take the service out of the claim and bind to it by values"
            )
            report.mark(
                COMMITTED,
                "False",
                EXTERNAL_NOT_SUPPORTED,
                f"{count} of {len(claim.spec.services)} are in Git; {message}",
            )
            report.held(EXTERNAL_NOT_SUPPORTED, message)
        else:
            report.mark(COMMITTED, "True", "Committed", f"{count} services and their ApplicationSet are in Git")
            report.ready("Committed", f"all {count} services are in Git")

    def _row(
        self, service: Service, recorded: ServiceRow | None, environment: Environment, written: Written
    ) -> ServiceRow:
        if service.type == "external":
            return ServiceRow(
                name=service.name, state="Held", reason=EXTERNAL_NOT_SUPPORTED, message="type external is not built yet"
            )
        folder = f"{desired.folder(environment)}/{service.name}"
        files = self._voltran.row(environment.organization, written, folder, recorded)
        return ServiceRow(name=service.name, state="Committed", reason="Committed", **files)
