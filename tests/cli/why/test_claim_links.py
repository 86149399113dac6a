"""The first links of the chain: claim, event, platform and Git."""

from typing import Any

import pytest

from cli.why.chain import chain
from cli.why.facts import Facts, Station
from tests.cli.why.facts import COMMIT, JUST_NOW, READY, bootstrap, claim, condition, facts, recorded, root, row
from tests.cli.why.facts import working_set as a_set

SOURCE = Station("the sandbox's source", True, "it is ready", "infraforge logs source")
FUNCTION = Station("the sandbox's application", False, "it is crashed", "infraforge logs application")
NEVER: dict[str, Any] = {"observedGeneration": None}
BEHIND: dict[str, Any] = {"observedGeneration": 2}
DESCRIBE = "kubectl describe applicationclaim/apps -n dev"
CONFIRM = "infraforge confirm ApplicationClaim/dev/apps"


def unready(reason: str, message: str, *, stalled: bool = False, valid: bool = True) -> list[dict[str, Any]]:
    found = [condition("Ready", "False", reason, message)]
    found += [condition("Stalled")] if stalled else []
    return [*found, condition("Valid") if valid else condition("Valid", "False", reason, message)]


LOST = [condition("Delivered", "False", "GivenUp", "an event about this claim was given up after all retries: …")]

CASES: list[tuple[Facts, str, str, str, str, str]] = [
    (
        facts(claim(status=NEVER)),
        "event",
        "wrong",
        "no function has ever looked at it: it is at 3",
        "kubectl get apiserversources.sources.knative.dev,",
        "never seen",
    ),
    (
        facts(claim(status=BEHIND)),
        "event",
        "wrong",
        "no function has looked at generation 3 yet, the last that was looked at is generation 2",
        "kubectl get apiserversources.sources.knative.dev,",
        "an event that was lost",
    ),
    (
        facts(claim(status=BEHIND, changed=JUST_NOW)),
        "event",
        "waiting",
        "it changed 3 s ago",
        "kubectl get",
        "it needs a moment",
    ),
    (
        facts(claim(status=BEHIND, changed=JUST_NOW), path=(SOURCE, FUNCTION)),
        "event",
        "wrong",
        "it is crashed; no function has looked at generation 3 yet",
        "infraforge logs application",
        "the function is down: no moment helps",
    ),
    (
        facts(claim(status=BEHIND), path=(SOURCE,)),
        "event",
        "wrong",
        "a lost event is made up for at the next resync",
        "infraforge logs source",
        "everything on the way is well",
    ),
    (
        facts(claim(status=BEHIND | {"conditions": LOST}, changed=JUST_NOW), path=(SOURCE,)),
        "event",
        "wrong",
        "given up after all retries",
        "infraforge events list",
        "its event is a dead letter: no moment helps, and all on the way may be well by now",
    ),
    (
        facts(bootstraps=()),
        "platform",
        "wrong",
        "there is no BootstrapClaim",
        "",
        "no platform at all",
    ),
    (
        facts(bootstraps=(bootstrap("qa"),)),
        "platform",
        "wrong",
        "it names no environment nonprod/dev: add it there",
        "kubectl describe bootstrapclaim/platform -n platform-system",
        "not this environment",
    ),
    (
        facts(bootstraps=(bootstrap(conditions=[condition("Ready", "False", "GiteaUnavailable", "no answer")]),)),
        "platform",
        "wrong",
        "environment nonprod/dev is not there yet; GiteaUnavailable: no answer",
        "kubectl describe bootstrapclaim/platform -n platform-system",
        "the platform's own trouble",
    ),
    (
        facts(claim(conditions=unready("InvalidClaim", "spec.x: no", stalled=True, valid=False))),
        "valid",
        "wrong",
        "InvalidClaim: spec.x: no",
        DESCRIBE,
        "only a person can help",
    ),
    (
        facts(claim(conditions=unready("NotBootstrapped", "not yet", valid=False))),
        "valid",
        "waiting",
        "NotBootstrapped: not yet",
        DESCRIBE,
        "it goes on by itself",
    ),
    (
        facts(claim(conditions=unready("GiteaUnavailable", "Gitea does not answer"))),
        "commit",
        "waiting",
        "GiteaUnavailable: Gitea does not answer",
        DESCRIBE,
        "Gitea is down",
    ),
    (
        facts(claim(conditions=unready("Forbidden", "pre-receive hook declined", stalled=True))),
        "commit",
        "wrong",
        "Forbidden: pre-receive hook declined",
        DESCRIBE,
        "Gitea declines",
    ),
    (
        facts(claim(conditions=unready("ConfirmationRequired", "the removal of cart is held"))),
        "commit",
        "wrong",
        "ConfirmationRequired: the removal of cart is held",
        CONFIRM,
        "a person is asked",
    ),
    (
        facts(
            claim(row(state="Held", reason="TagNotFound", message="no tag v9"), conditions=unready("TagNotFound", "x"))
        ),
        "row",
        "wrong",
        "TagNotFound: no tag v9",
        DESCRIBE,
        "a row that is held",
    ),
    (
        facts(claim(deletionTimestamp="2026-11-23T11:00:00Z", conditions=unready("ConfirmationRequired", "held"))),
        "claim",
        "waiting",
        "it is being deleted since 2026-11-23T11:00:00Z; ConfirmationRequired: held",
        CONFIRM,
        "a deletion that waits",
    ),
]


@pytest.mark.parametrize(
    ("given", "step", "state", "message", "look", "reason"), CASES, ids=[case[-1] for case in CASES]
)
def test_the_first_that_is_not_well(given: Facts, step: str, state: str, message: str, look: str, reason: str) -> None:
    found = chain(given)
    assert found.first is not None
    assert (found.first.step, found.first.state) == (step, state)
    assert message in found.first.message
    assert found.first.look.startswith(look)
    before = [link for link in found.shared if link is not found.first]
    assert all(link.is_well for link in before), "and nothing comes after it"


def test_all_well_as_far_as_git() -> None:
    found = chain(facts())
    assert found.first is None
    assert [link.step for link in found.shared] == ["claim", "event", "platform", "valid", "commit", "argocd"]
    assert found.shared[0].message == "generation 3, last changed by kubectl 1 h ago"
    assert found.shared[4].message.startswith(f"{COMMIT[:8]}  http://gitea/")
    assert found.shared[5].state == "unknown"


def test_a_held_row_keeps_no_other_back() -> None:
    """Asked for the other one alone, all is well."""
    application = recorded("credentials-added-then-refresh", "Application", "dev-order-service")
    document = claim(
        row("order-service"),
        row("cart", state="Held", reason="TagNotFound", message="no tag", commit=None),
        conditions=unready("TagNotFound", "cart: no tag"),
    )
    given: dict[str, Any] = {"roots": {"nonprod-apps": root()}, "set": a_set()}
    given["applications"] = {"dev-order-service": application}
    found = chain(facts(document, **given))
    assert found.first is not None
    assert found.first.subject == "cart"
    assert [branch.links[-1].state for branch in found.branches] == ["ok", "wrong"]
    assert chain(facts(document, "order-service", **given)).first is None
    assert chain(facts(document, "cart", **given)).first == found.first


def test_a_removal_that_is_held_is_the_claims_and_no_rows() -> None:
    """The row that stays is no longer in the spec; who asks for another one alone is not kept by it."""
    document = claim(row("shop"), conditions=unready("ConfirmationRequired", "the removal of cart is held"))
    document["status"]["applications"].append(row("cart", state="Held", reason="ConfirmationRequired"))
    first = chain(facts(document)).first
    assert first is not None
    assert (first.step, first.look) == ("commit", CONFIRM)
    assert chain(facts(document, "shop", is_part=True)).first is None


TOLD = [
    ({"status": "True", "reason": "Deployed"}, None, "", "deployed"),
    ({"status": "False", "reason": "Pending", "message": "yet to look"}, "waiting", "Pending: yet to look", "pending"),
    ({"status": "False", "reason": "Degraded", "message": "x"}, "wrong", "Degraded: x", "degraded"),
    ({"status": "Unknown", "reason": "NotTracked"}, None, "", "nobody knows"),
    ({}, None, "", "an older function"),
]


@pytest.mark.parametrize(("deployed", "state", "message", "reason"), TOLD, ids=[case[3] for case in TOLD])
def test_who_cannot_look_at_argocd_is_told_what_the_claim_says(
    deployed: dict[str, Any], state: str | None, message: str, reason: str
) -> None:
    first = chain(facts(claim(row("shop", deployed=deployed)))).first
    assert (first.state if first else None, first.message if first else "") == (state, message)
    if first is not None:
        assert (first.step, first.subject, first.look) == ("application", "dev-shop", DESCRIBE)


def test_a_row_that_no_function_has_told_of() -> None:
    document = claim(row("user-service"))
    document["status"]["applications"] = []
    first = chain(facts(document)).first
    assert first is not None
    assert (first.step, first.message) == ("row", "no function has told of it yet")


PENDING = {"status": "False", "reason": "Pending", "message": "yet", "commit": COMMIT}


@pytest.mark.parametrize(
    ("fields", "is_well", "reason"),
    [
        ({"commit": COMMIT, "deployed": PENDING}, False, "the functions asked Git: it is an older revision"),
        ({"commit": COMMIT, "deployed": {"status": "True", "commit": COMMIT}}, True, "it is a later one"),
        ({"commit": COMMIT}, True, "nobody has told: ArgoCD's own word counts"),
        ({"commit": COMMIT, "deployed": PENDING | {"commit": "d" * 40}}, True, "that was about another commit"),
    ],
)
def test_a_revision_that_lacks_the_commit(fields: dict[str, Any], is_well: bool, reason: str) -> None:
    application = recorded("credentials-added-then-refresh", "Application", "dev-order-service")
    document = claim(row("order-service", **fields))
    given: dict[str, Any] = {"roots": {"nonprod-apps": root()}, "set": a_set()}
    first = chain(facts(document, applications={"dev-order-service": application}, **given)).first
    assert (first is None) == is_well, reason
    if first is not None:
        assert f"before commit {COMMIT[:8]}" in first.message
        assert "argocd.argoproj.io/refresh=normal" in first.look


def test_credentials_that_may_not_read_the_platform() -> None:
    """What cannot be seen does not keep the rest from being told."""
    found = chain(facts(bootstraps=None))
    assert found.first is None
    assert found.shared[2].state == "unknown"


KINDS = [
    ("PlatformClaim", "postgres", "dev-platform-postgres", "dev-platform", "nonprod-platform"),
    ("InfrastructureClaim", "shop", "dev-platform-namespaces", "dev-platform", "nonprod-platform"),
    ("ApplicationClaim", "shop", "dev-shop", "dev-apps", "nonprod-apps"),
]


@pytest.mark.parametrize(("kind", "name", "application", "set_name", "root_name"), KINDS)
def test_names_in_argocd(kind: str, name: str, application: str, set_name: str, root_name: str) -> None:
    found = facts(claim(row(name), kind=kind))
    assert ([one.application for one in found.rows], found.set_name, found.root_name) == (
        [application],
        set_name,
        root_name,
    )
    assert facts(claim(row(name), kind=kind), application).rows == found.rows, "found by either name"


def test_a_bootstrap_claim_goes_on_to_its_root_applications() -> None:
    document = claim(kind="BootstrapClaim", status={"rootApps": ["nonprod-apps", "nonprod-platform"]})
    first = chain(facts(document, argocd="argocd", roots={"nonprod-apps": root("qa-apps")})).first
    assert first is not None
    assert (first.subject, first.state) == ("nonprod-platform", "wrong")
    both = {"nonprod-apps": root(), "nonprod-platform": root()}
    assert chain(facts(document, argocd="argocd", roots=both)).first is None
    assert chain(facts(document)).shared[-1].state == "unknown"


def test_an_event_that_was_given_up_is_told_also_of_a_claim_that_was_looked_at() -> None:
    """The generation is the one that was looked at: whatever else is the matter is told behind it."""
    found = chain(facts(claim(conditions=[*READY, *LOST])))
    assert found.first is None
    assert found.shared[1].details == (LOST[0]["message"],)


def test_conditions_of_a_ready_claim_are_enough() -> None:
    assert chain(facts(claim(conditions=READY[:1]))).first is None
