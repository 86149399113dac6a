"""The way into Git that all claims of an environment go, and out of it again.

::

    converge   Admit, Hold (the finalizer), what the kind prepares, one write, a row for each application or service
    remove     Admit, one write that takes everything away, Release (the finalizer)

Each has one folder in which every sub-folder is a row of the claim, and one ApplicationSet.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from shared import leaks
from shared.admission import Admission, EnvironmentClaimT
from shared.attempt import Attempt
from shared.changes import Plan, Written
from shared.claims import place
from shared.claims.names import is_label
from shared.claims.status import ClaimStatus
from shared.conditions import COMMITTED, VALID
from shared.deploying import LastMile, Snapshot, role_of, status_with
from shared.environment_conclusion import Conclusion, Pass
from shared.environment_rows import DraftT, EnvironmentRows, Fate
from shared.environments import Environment, check_names, locate
from shared.errors import ConfirmationRequired, InfraForgeError, Waiting
from shared.events import DeploymentRef, Event
from shared.finalizer import hold, is_held, let_go, reread_held
from shared.git import Transaction
from shared.reconciler import Inputs
from shared.removal import Limits, Removal, is_confirmed, request
from shared.rendering.gate import Gate
from shared.steps import ADMIT, DEPLOY, HOLD, RELEASE, WITHDRAW
from shared.voltran import Voltran
from shared.web import Reply
from shared.wording import listed

MAX_NAMED: Final = 5
MAX_ASKED: Final = 20
"""Folders that a status does not name, and that Gitea is asked about in one look."""


class EnvironmentHandler(EnvironmentRows[EnvironmentClaimT, DraftT]):
    """Converges one claim of an environment. Every collaborator is passed in; nothing is remembered between claims."""

    def __init__(
        self, *, admission: Admission, voltran: Voltran, limits: Limits, last_mile: LastMile, gate: Gate | None = None
    ) -> None:
        self._admission = admission
        self._voltran = voltran
        self._limits = limits
        self._last_mile = last_mile
        self._gate = gate
        self._conclusion = Conclusion(self, voltran.provenance, last_mile)

    def announce(self, attempt: Attempt[EnvironmentClaimT]) -> Reply | None:
        """Nobody waits for these claims."""

    def survey(self, event: Event) -> Inputs | None:
        """Look at the head of every organization's `voltran`; a claim depends on its environment beside itself."""
        bootstraps = list(self._admission.bootstraps())
        organizations = {claim.spec.gitea.organization for claim in bootstraps}
        delivery = event.delivery
        if delivery is not None and not any(self._voltran.is_news(one, delivery) for one in organizations):
            return None
        for organization in sorted(organizations):
            self._voltran.survey(organization)

        def inputs(document: Mapping[str, Any]) -> Environment | None:
            where = place(document)
            try:
                return locate(bootstraps, *where) if where else None
            except InfraForgeError:
                return None

        return inputs

    def converge(self, attempt: Attempt[EnvironmentClaimT]) -> None:
        """Bring the claim into Git, or out of it when it is being deleted."""
        if attempt.claim.metadata.deletionTimestamp is not None:
            self._remove(attempt)
            return
        attempt.begin(ADMIT)
        environment = self._admission.admit(attempt.claim, self.kind)
        attempt.begin(HOLD)
        hold(attempt)
        self.prepare(attempt, environment)
        self._rehearse(attempt, environment)
        last: Pass[DraftT] = Pass()

        def plan(git: Transaction) -> Plan:
            reread_held(attempt, deleting=False)
            return self._plan(git, attempt, environment, last)

        written = self._voltran.write(environment.organization, attempt, plan, self.scope(environment))
        attempt.begin(DEPLOY)
        if self.set_path(environment) in written.touched:
            self._last_mile.bring_set(self.place(environment))
        kept = (*self.names(attempt.claim), *last.kept)
        self._last_mile.remove_rows(self.place(environment), kept, self._sources(attempt.claim, environment, last))
        self._conclusion.tell(attempt, environment, last, written)

    def concerned(self, ref: DeploymentRef) -> Mapping[str, str] | None:
        """Claims of the environment, if it is this half of it, or of a whole cluster type that is served."""
        if not self._admission.serves(ref.cluster_type) or role_of(ref) not in {None, self.role}:
            return None
        fields = {"spec.clusterType": ref.cluster_type}
        return fields | ({"spec.environment": ref.environment} if ref.environment else {})

    def snapshot(self) -> Snapshot | None:
        """ArgoCD's objects."""
        return self._last_mile.snapshot()

    def deployed(self, claim: EnvironmentClaimT, now: str, at: Snapshot | None = None) -> ClaimStatus | None:
        """The claim's status with what ArgoCD makes of its rows; None for a claim that never was in Git."""
        status, spec = claim.status, claim.spec
        if status.checksum is None:
            return None
        bootstraps = at.beside(self._admission.bootstraps) if at else self._admission.bootstraps()
        environment = locate(bootstraps, spec.clusterType, spec.environment)
        rows = getattr(status, self.rows)
        return status_with(status, self.rows, rows, self._conclusion.look(claim, environment, rows, at), now)

    def _sources(
        self, claim: EnvironmentClaimT, environment: Environment, last: Pass[DraftT]
    ) -> Mapping[str, Mapping[str, str]]:
        """Those of the rows that Git holds as the claim has them: one that is held back keeps the chart it had."""
        fresh = last.draft.folders if last.draft else {}
        return {row: source for row, source in self.sources(claim, environment).items() if row in fresh}

    def _check(self, attempt: Attempt[EnvironmentClaimT], environment: Environment) -> None:
        check_names(environment, self.releases(attempt.claim, environment), f"spec.{self.rows}")
        attempt.report.mark(VALID, "True", "Valid", f'environment "{environment.name}" is this claim\'s')

    def _rehearse(self, attempt: Attempt[EnvironmentClaimT], environment: Environment) -> None:
        """Render what the claim comes to before Git is locked: under the lock it is a matter of memory then."""
        if self._gate is not None and self._gate.is_on:
            self._check(attempt, environment)
            draft = self.draft(attempt, environment)
            wanted = self.renderings(attempt.claim, environment, draft)
            self._gate.rehearse(environment.organization, list(wanted.values()))

    def _plan(
        self, git: Transaction, attempt: Attempt[EnvironmentClaimT], environment: Environment, last: Pass[DraftT]
    ) -> Plan:
        claim = attempt.claim
        self._check(attempt, environment)
        draft = last.draft = self.draft(attempt, environment)
        draft.hold_leaks(
            self.rows,
            [(row.name, self.texts(row)) for row in getattr(claim.spec, self.rows)],
            {row.name: row for row in getattr(claim.status, self.rows)},
        )
        attempt.report.enter(COMMITTED)
        names, there = self.names(claim), self.there(git, environment)
        if self._gate is not None:
            wanted = self.renderings(claim, environment, draft)
            rows = [row.name for row in getattr(claim.spec, self.rows)]
            self._gate.hold_back(environment.organization, draft, self.rows, rows, wanted)
        gone = [name for name in there if name not in names]
        removed = self._ever_ours(attempt, environment, gone)
        left = sum(name in draft.folders or name in there for name in names)  # what is held back may not be there yet
        last.request = self._objection(attempt, environment, removed, left=left)
        last.kept = removed if last.request else ()
        strays = [name for name in gone if name not in removed]
        fate = Fate(() if last.request else removed, strays, last.kept)
        change = self.change(git, attempt, environment, draft, fate)
        return Plan(environment.name, change, leaks.without(attempt.spec, draft.unfit), tuple(draft.unfit))

    def _ever_ours(
        self, attempt: Attempt[EnvironmentClaimT], environment: Environment, gone: Sequence[str]
    ) -> list[str]:
        """Those of `gone` that were the claim's, and not put there by a stranger.

        What the status does not name may still be ours: its commit was pushed, and the status that told of it lost.
        More than `MAX_ASKED` are not asked for one by one: a person is.
        """
        status = attempt.claim.status
        if not status.checksum:
            return sorted(_rows(gone))
        known = {row.name for row in getattr(status, self.rows)}
        doubtful = sorted(_rows(gone) - known)
        ours = set(doubtful[MAX_ASKED:]) | {
            name
            for name in doubtful[:MAX_ASKED]
            if self._voltran.provenance.wrote(environment.organization, attempt, self.row_path(environment, name))
        }
        return [name for name in gone if name in known | ours]

    def _remove(self, attempt: Attempt[EnvironmentClaimT]) -> None:
        attempt.begin(ADMIT)
        attempt.report.enter(COMMITTED)
        environment = self._admission.admit_removal(attempt.claim, self.kind) if is_held(attempt) else None
        if environment is None:  # it has nothing in Git
            let_go(attempt)
            return

        def plan(git: Transaction) -> Plan:
            reread_held(attempt, deleting=True)
            attempt.report.enter(COMMITTED)
            names = self.there(git, environment)
            objection = self._objection(attempt, environment, sorted(_rows(names)), left=0)
            if objection:
                raise ConfirmationRequired(objection)
            unfit = leaks.find(attempt.spec)
            return Plan(
                environment.name,
                self.departure(git, attempt, environment),
                leaks.without(attempt.spec, unfit),
                unfit,
            )

        written = self._voltran.write(environment.organization, attempt, plan, self.scope(environment))
        attempt.begin(WITHDRAW)
        self._withdraw(attempt, environment, written)
        attempt.begin(RELEASE)
        if written.commit:
            attempt.tell("Removed", f"its files went with commit {written.commit}", normal=True)
        let_go(attempt)

    def _withdraw(self, attempt: Attempt[EnvironmentClaimT], environment: Environment, written: Written) -> None:
        """Have ArgoCD let go of what was deployed; raises `Waiting` while it has not."""
        place = self.place(environment)
        if self.set_path(environment) in written.change.removed:
            left = self._last_mile.remove_set(place, written.head or "")
        else:
            left = self._last_mile.remove_rows(place, (), {})
        if left:
            raise Waiting(
                f"its files are gone from Git, and ArgoCD has yet to remove {listed(left, MAX_NAMED)}; it goes on by "
                f"itself; to let the claim go all the same: infraforge release {attempt.ref}",
                reason="Removing",
            )

    def _objection(
        self, attempt: Attempt[EnvironmentClaimT], environment: Environment, names: Sequence[str], *, left: int
    ) -> str | None:
        """What a person has to be asked before `names` go, and the status field that says how to answer."""
        metadata = attempt.claim.metadata
        stateful, residents = self.stateful(attempt, environment, names), self.residents(environment, names)
        removal = Removal(names, left, stateful, residents, self.loss, self.bond)
        objection, confirmation = removal.objection(self._limits), removal.confirmation(metadata.uid)
        asked = objection is not None and not is_confirmed(metadata.annotations, confirmation)
        attempt.report.set(confirmation=confirmation if asked else None)
        if objection is None or not asked:
            return None
        return request(
            removal, objection, confirmation, f"{self.kind.name.lower()}/{metadata.name} -n {metadata.namespace}"
        )


def _rows(names: Iterable[str]) -> set[str]:
    """Those that can have been a claim's; nobody is asked about what a stranger called otherwise."""
    return set(filter(is_label, names))
