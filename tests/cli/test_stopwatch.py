"""How long the demo says that things took, and when waiting is over."""

from typing import Any

from cli.claims import ClaimView
from cli.cluster import Reference
from cli.demo import Stopwatch

REFERENCE = Reference("ApplicationClaim", "applicationclaims", "dev", "dev-apps", "/p")
TRUE, FALSE = {"status": "True"}, {"status": "False"}


def view(*rows: dict[str, Any], deployed: str = "False", reason: str = "Pending") -> ClaimView:
    ready = {"type": "Ready", "status": "True", "reason": "Committed", "message": "all is in Git"}
    said = {"type": "Deployed", "status": deployed, "reason": reason, "message": "soon"}
    status = {"observedGeneration": 1, "conditions": [ready, said], "applications": list(rows)}
    return ClaimView.of(REFERENCE, {"metadata": {"generation": 1}, "status": status})


def test_a_row_is_timed_when_it_is_first_seen_deployed() -> None:
    watch = Stopwatch()
    shown: list[list[ClaimView]] = []
    look = watch.before(shown.append)
    for rows in (
        [{"name": "web"}],
        [{"name": "web", "deployed": FALSE}, {"name": "api"}],
        [{"name": "web", "deployed": TRUE}, {"name": "api", "deployed": FALSE}],
    ):
        look([view(*rows)])
    first = watch.seconds(view(), "web")
    assert first is not None
    look([view({"name": "web", "deployed": TRUE})])
    assert watch.seconds(view(), "web") == first
    assert watch.seconds(view(), "api") is None
    assert watch.document() == {"ApplicationClaim/dev/dev-apps": {"web": round(first, 2)}}
    assert len(shown) == 4


def test_where_nobody_asks_argocd_nothing_is_waited_for() -> None:
    assert view(deployed="Unknown", reason="NotTracked").deployed
    assert view(deployed="True", reason="Deployed").deployed
    assert not view().deployed


def test_what_is_in_git_and_not_yet_deployed_says_what_it_waits_for() -> None:
    assert view().summary == ("Pending", "soon")
    assert view(deployed="Unknown", reason="NotTracked").summary == ("Committed", "all is in Git")
