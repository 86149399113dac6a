"""Between the rows of a claim's status and ArgoCD's Applications. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from shared.claims.status import ClaimStatus, Row
from shared.conditions import condition, replace
from shared.deploying.deployer import Outcome
from shared.deploying.landscape import Place
from shared.deploying.tracking import Target

StatusT = TypeVar("StatusT", bound=ClaimStatus)


def targets(place: Place, sources: Mapping[str, Mapping[str, str]], rows: Iterable[Row]) -> list[Target]:
    """One for each row that the claim still names; `sources` are by row.

    A row that is held back has stayed with the chart that it had, whatever the claim says now.
    """
    return [
        Target(
            row.name,
            place.application(row.name),
            {} if row.state == "Held" else sources[row.name],
            row.commit,
            row.deployed,
        )
        for row in rows
        if row.name in sources
    ]


def with_deployed(rows: Iterable[Row], outcome: Outcome) -> list[Any]:
    """The rows, each with what ArgoCD makes of it."""
    return [row.model_copy(update={"deployed": outcome.rows.get(row.name)}) for row in rows]


def status_with(status: StatusT, field: str, rows: Sequence[Row], outcome: Outcome, now: str) -> StatusT:
    """A recorded status whose rows and condition `Deployed` say what ArgoCD makes of them; the rest stays."""
    conditions = replace(status.conditions, condition(*outcome.condition), status.observedGeneration, now)
    return status.model_copy(update={field: with_deployed(rows, outcome), "conditions": conditions})
