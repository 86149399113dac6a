"""What the status of a claim of an environment says when its files are in Git: its rows, and what is left to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic

from shared.admission import EnvironmentClaimT
from shared.attempt import Attempt
from shared.changes import Written
from shared.claims.status import Row
from shared.conditions import COMMITTED
from shared.deploying import LastMile, Outcome, View, targets, with_deployed
from shared.drafts import Hold, held_row
from shared.environment_rows import DraftT, EnvironmentRows
from shared.environments import Environment
from shared.errors import ConfirmationRequired
from shared.memory import Settled
from shared.provenance import Provenance

CONFIRMATION: Final = ConfirmationRequired.__name__

_KEPT: Final = Hold(CONFIRMATION, "it is no longer in the claim, and goes when that is confirmed")


@dataclass
class Pass(Generic[DraftT]):
    """What the last run of a write decided: the rows, what a person is asked, and what is kept until the answer."""

    draft: DraftT | None = None
    request: str | None = None
    kept: Sequence[str] = ()


class Conclusion(Generic[EnvironmentClaimT, DraftT]):
    """Tells an attempt's report what a pass came to, in the terms of one kind of claim."""

    def __init__(
        self, kind: EnvironmentRows[EnvironmentClaimT, DraftT], provenance: Provenance, last_mile: LastMile
    ) -> None:
        self._kind = kind
        self._provenance = provenance
        self._last_mile = last_mile

    def look(
        self, claim: EnvironmentClaimT, environment: Environment, rows: Sequence[Row], at: View | None = None
    ) -> Outcome:
        """What ArgoCD makes of the rows."""
        place = self._kind.place(environment)
        wanted = targets(place, self._kind.sources(claim, environment), rows)
        return self._last_mile.look(place, wanted, [row.name for row in rows], at)

    def tell(
        self,
        attempt: Attempt[EnvironmentClaimT],
        environment: Environment,
        last: Pass[DraftT],
        written: Written,
    ) -> None:
        """Set every field and condition, and say whether the claim is settled.

        Raises what Gitea and Kubernetes raise when a commit or an Application is to be asked for.
        """
        kind, report, draft = self._kind, attempt.report, last.draft
        if draft is None:
            raise AssertionError("a write ends with a plan")
        rows = self._rows(attempt, environment, last.kept, draft, written)
        models = [kind.row_model.model_validate(row) for row in rows]
        outcome = self.look(attempt.claim, environment, models)
        commit = self._provenance.commit(environment.organization, written, attempt, kind.scope(environment))
        report.set(
            **{kind.rows: with_deployed(models, outcome)},
            **kind.fields(attempt, draft),
            commit=commit,
            checksum=written.change.checksum,
        )
        report.mark(*outcome.condition)
        self._conclude(attempt, environment, last.request, draft)
        if outcome.is_removing:
            attempt.settled = None

    def _rows(
        self,
        attempt: Attempt[EnvironmentClaimT],
        environment: Environment,
        kept: Sequence[str],
        draft: DraftT,
        written: Written,
    ) -> list[dict[str, Any]]:
        """A row for each of the spec, then those that are only held: in Git, and no longer in the claim."""
        kind, claim = self._kind, attempt.claim
        recorded = {row.name: row for row in getattr(claim.status, kind.rows)}
        rows, names = [], kind.names(claim)
        held = dict.fromkeys(kept, _KEPT) | draft.held
        for index, one in enumerate(getattr(claim.spec, kind.rows)):
            facts, before = kind.facts(attempt, index, draft), recorded.get(one.name)
            if one.name in held:
                facts = facts if one.name in draft.held else {}
                rows.append(held_row(one.name, held.pop(one.name), before, **facts))
                continue
            path = kind.row_path(environment, one.name)
            files = (
                self._provenance.row(environment.organization, written, attempt, path, before)
                if one.name in names
                else {}
            )
            rows.append({"name": one.name, "state": "Committed", "reason": "Committed", **files, **facts})
        return rows + [held_row(name, hold, recorded.get(name)) for name, hold in held.items()]

    def _conclude(
        self, attempt: Attempt[EnvironmentClaimT], environment: Environment, request: str | None, draft: DraftT
    ) -> None:
        kind, report, count = self._kind, attempt.report, len(draft.folders)
        reasons = [(CONFIRMATION, request)] if request else []
        reasons += [draft.reason] if draft.held else []
        if not reasons:
            report.mark(COMMITTED, "True", "Committed", f"{count} {kind.rows} and their ApplicationSet are in Git")
            report.ready("Committed", f"all {count} {kind.rows} are in Git")
            settled = Settled(kind.basis(environment, draft), kind.scope(environment))
            attempt.settled = settled if draft.is_final else None
            return
        reason = reasons[0][0]
        message = "; ".join(message for _, message in reversed(reasons))  # the line to paste comes last
        wanted = len(kind.names(attempt.claim))
        report.mark(COMMITTED, "False", reason, f"{count} of {wanted} are in Git; {message}")
        if draft.held:
            report.held(reason, message)
        else:
            report.waits(reason, message)
