"""What leaves Git: exactly what is meant, in one commit, after a person was asked where a slip would hurt."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.claims.meta import FINALIZER
from shared.events import PING, Event
from shared.kinds import APPLICATION, BOOTSTRAP, PLATFORM
from shared.kube.client import VOLUME_CLAIMS, Document, Resource
from shared.removal import Limits
from tests.functions.conftest import KINDS, Platform, condition, example, ready

APPS = "environments/nonprod/dev/applications"
SERVICES = "environments/nonprod/dev/platform"
SET = "appsets/nonprod/apps/dev-appset.yaml"
SERVICE_SET = "appsets/nonprod/platform/dev-platform-appset.yaml"
EXAMPLES = {
    "BootstrapClaim": "bootstrap-claim.yaml",
    "ApplicationClaim": "dev/dev-apps-claim.yaml",
    "PlatformClaim": "dev/dev-platform-claim.yaml",
}
THEIRS = "example.com/theirs"


def watch_finalizers(platform: Platform) -> list[tuple[list[str], str | None]]:
    """Every change of finalizers from now on, with the head of Git at that moment."""
    seen: list[tuple[list[str], str | None]] = []
    patch = platform.kube.patch_metadata

    def watched(resource: Resource, document: Document, metadata: Any) -> Document:
        if "finalizers" in metadata:
            seen.append((list(metadata["finalizers"] or []), platform.head()))
        return patch(resource, document, metadata)

    platform.kube.patch_metadata = watched  # type: ignore[method-assign]  # the fake's own edge, to see the order
    return seen


def confirm(platform: Platform, claim: dict[str, Any]) -> None:
    """What a person does who reads the message, and what the function does then."""
    platform.annotate(claim, confirm_removal=platform.live(claim)["status"]["confirmation"])
    platform.react(claim)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_finalizer_is_there_before_the_first_commit(platform: Platform, kind: str) -> None:
    """Else a claim that is deleted in between would leave files that nobody removes."""
    if kind != "BootstrapClaim":
        platform.bootstrap()
    before, seen = platform.head(), watch_finalizers(platform)
    live = platform.apply(example(EXAMPLES[kind]))
    assert seen == [([FINALIZER], before)]
    assert platform.head() != before
    assert live["metadata"]["finalizers"] == [FINALIZER]


def test_a_rename_is_one_commit(there: Platform, apps: dict[str, Any]) -> None:
    """The old folder goes with the commit that brings the new one."""
    there.apply(apps)
    before = there.head()
    apps["spec"]["applications"][1]["name"] = "accounts"
    there.apply(apps)
    assert there.git("rev-list", f"{before}..main").split() == [there.head()]
    changed = there.changes()
    assert changed.pop(SET, "M") == "M"
    assert changed == {f"{APPS}/user-service/values.yaml": "D", f"{APPS}/accounts/values.yaml": "A"}


def test_deleting_a_claim_removes_exactly_its_files(there: Platform, apps: dict[str, Any], services: Any) -> None:
    """In one commit, after a confirmation; the finalizer goes last, and the neighbour stays whole."""
    there.apply(services)
    there.apply(apps)
    there.delete(apps)
    before, seen = there.head(), watch_finalizers(there)
    assert ready(there.live(apps))[:2] == ("False", "ConfirmationRequired")
    confirm(there, apps)
    assert there.changes() == {
        SET: "D",
        f"{APPS}/ecommerce-platform/values.yaml": "D",
        f"{APPS}/user-service/values.yaml": "D",
    }
    assert there.git("rev-list", f"{before}..main").split() == [there.head()]
    assert there.message().startswith("dev: remove dev-appset.yaml, ecommerce-platform, user-service\n")
    assert seen == [([], there.head())], "when the commit was in Git"
    assert not there.exists(apps)
    assert ("Removed", f"its files went with commit {there.head()}") in there.told(apps)
    there.react(apps)
    assert there.git("rev-list", f"{before}..main").split() == [there.head()]


def test_finalizers_of_others_stay(there: Platform, apps: dict[str, Any]) -> None:
    """Ours goes, and whoever put the other one on has all the time."""
    apps["metadata"]["finalizers"] = [THEIRS]
    there.apply(apps)
    there.delete(apps)
    confirm(there, apps)
    assert there.live(apps)["metadata"]["finalizers"] == [THEIRS]
    head, writes = there.head(), len(there.kube.status_writes)
    there.react(apps)
    there.reconciler("ApplicationClaim").react(Event("e", PING))
    assert (there.head(), len(there.kube.status_writes)) == (head, writes), "and we have nothing more to do with it"
    assert there.live(apps)["metadata"]["finalizers"] == [THEIRS]


def held(claim: dict[str, Any]) -> dict[str, Any]:
    return claim | {"metadata": claim["metadata"] | {"finalizers": [FINALIZER]}}


def test_a_claim_that_never_wrote_goes_at_once(there: Platform, apps: dict[str, Any]) -> None:
    """Killed between its finalizer and its first commit."""
    head = there.head()
    there.delete(there.claim(held(apps)))
    assert not there.exists(apps)
    assert there.head() == head


def test_a_claim_that_never_wrote_goes_without_a_platform(platform: Platform, apps: dict[str, Any]) -> None:
    """As above, and the BootstrapClaim is gone as well."""
    platform.delete(platform.claim(held(apps)))
    assert not platform.exists(apps)


def test_a_claim_that_lost_a_conflict_takes_nothing_along(there: Platform, apps: dict[str, Any]) -> None:
    """What is there is the other one's, even where this one wrote it once."""
    there.apply(apps)
    head = there.head()
    rival = held(apps) | {"status": there.live(apps)["status"]}
    rival["metadata"] |= {"name": "rival", "namespace": "qa"}
    put = there.kube.put(APPLICATION.resource, rival, created="2026-11-24T00:00:00Z")
    there.delete(put)
    assert not there.exists(put)
    assert there.head() == head


def test_a_claim_whose_platform_is_gone_says_how_to_let_it_go(there: Platform, apps: dict[str, Any]) -> None:
    """Nobody can say where its files are: it waits, and names the way out."""
    there.apply(apps)
    there.kube.objects.pop(("bootstrapclaims", "platform-system", "platform-bootstrap"))
    there.delete(apps)
    status, reason, message = ready(there.live(apps))
    assert (status, reason) == ("False", "NotBootstrapped")
    assert message.endswith("to let it go all the same: infraforge release ApplicationClaim/dev/dev-apps")
    assert condition(there.live(apps), "Reconciling")[0] == "True"


def only(*names: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda rows: [row for row in rows if row["name"] in names]


def many(count: int) -> list[dict[str, Any]]:
    template = example(EXAMPLES["ApplicationClaim"])["spec"]["applications"][0]
    return [template | {"name": f"a{number}"} for number in range(count)]


DEFAULT = Limits()
RULES = [
    (3, 0, DEFAULT, "nothing would be left of the environment", "an emptied list"),
    (14, 2, DEFAULT, "more than 10 would go at once", "many"),
    (5, 2, DEFAULT, "more than 50% of the environment would go at once", "most of them"),
]


@pytest.mark.parametrize(("count", "left", "limits", "objection", "why"), RULES, ids=[case[4] for case in RULES])
def test_what_is_held(
    there: Platform, apps: dict[str, Any], count: int, left: int, limits: Limits, objection: str, why: str
) -> None:
    """What stays in the claim is written meanwhile, and the right annotation lets the rest go."""
    there.settings["limits"] = limits
    rows = many(count)
    there.apply(apps, applications=rows)
    wanted = [row | {"values": {"replicas": 9}} for row in rows[:left]]
    live = there.apply(apps, applications=wanted)
    gone = sorted(row["name"] for row in rows[left:])
    confirmation = live["status"]["confirmation"]
    assert ready(live) == (
        "False",
        "ConfirmationRequired",
        f"removing {', '.join(gone)} waits for a confirmation, since {objection}; to go on: kubectl annotate "
        "--overwrite applicationclaim/dev-apps -n dev "
        f"platform.infraforge.io/confirm-removal={confirmation}",
    ), why
    assert confirmation.startswith(f"remove-{count - left}-")
    assert condition(live, "Reconciling")[0] == "True"
    states = {row["name"]: row["state"] for row in live["status"]["applications"]}
    assert states == {row["name"]: "Committed" for row in wanted} | dict.fromkeys(gone, "Held")
    for row in rows:
        text = there.file(f"{APPS}/{row['name']}/values.yaml")
        assert ("replicas: 9" in text) == (row in rows[:left]), "nothing else is held back"
    head = there.head()
    there.reconciler("ApplicationClaim").react(Event("e", PING))
    assert (there.head(), there.live(live)) == (head, live), "it waits, however often it is looked at"
    confirm(there, live)
    assert ready(there.live(live))[0] == "True"
    assert "confirmation" not in there.live(live)["status"]
    assert there.changes().keys() - {SET} == {f"{APPS}/{name}/values.yaml" for name in gone}


def test_what_was_never_written_is_nothing_that_would_be_left(there: Platform, apps: dict[str, Any]) -> None:
    """The only application makes room for one that is held back: without both nothing would run."""
    (row,) = many(1)
    there.apply(apps, applications=[row])
    new = row | {"name": "new", "values": {"password": "hunter2-of-the-canary"}}
    live = there.apply(apps, applications=[new])
    assert {row["name"]: row["state"] for row in live["status"]["applications"]} == {"new": "Held", "a0": "Held"}
    assert live["status"]["confirmation"].startswith("remove-1-")
    assert f"{APPS}/a0/values.yaml" in there.tree()


def test_what_keeps_data_is_held_with_its_volumes(there: Platform, services: dict[str, Any]) -> None:
    """One service of two is not many; but its data would be gone."""
    for name, release in (("data-b", "dev-platform-rabbitmq"), ("data-a", "dev-platform-rabbitmq"), ("x", "other")):
        labels = {"app.kubernetes.io/instance": release}
        metadata = {"name": name, "namespace": services["metadata"]["namespace"], "labels": labels}
        there.kube.put(VOLUME_CLAIMS, {"metadata": metadata})
    there.apply(services)
    kept = only("postgres")(services["spec"]["services"])
    live = there.apply(services, services=kept)
    assert ready(live)[1] == "ConfirmationRequired"
    assert ready(live)[2].startswith(
        "removing rabbitmq (volume claims data-a, data-b) waits for a confirmation, since what keeps data would go; "
    )
    assert f"{SERVICES}/rabbitmq/values.yaml" in there.tree()
    confirm(there, live)
    assert ready(there.live(live)) == ("True", "Committed", "all 1 services are in Git")
    assert there.changes().keys() - {SERVICE_SET} == {f"{SERVICES}/rabbitmq/values.yaml"}


def test_a_rename_of_what_keeps_data_is_a_removal(there: Platform, services: dict[str, Any]) -> None:
    """The new one is written at once; the old one stays until somebody says so."""
    there.apply(services)
    services["spec"]["services"][0] |= {"name": "database", "chart": {"name": "postgres"}}
    live = there.apply(services)
    assert ready(live)[1] == "ConfirmationRequired"
    assert {f"{SERVICES}/database/values.yaml", f"{SERVICES}/postgres/values.yaml"} <= set(there.tree())
    confirm(there, live)
    assert f"{SERVICES}/postgres/values.yaml" not in there.tree()


def test_the_annotation_of_another_removal_does_not_count(there: Platform, services: dict[str, Any]) -> None:
    """Left there from the last time, or copied from another claim's message."""
    there.apply(services)
    first = there.apply(services, services=services["spec"]["services"][:1])
    there.annotate(services, confirm_removal=first["status"]["confirmation"])
    there.claim(there.live(services), services=services["spec"]["services"][1:])
    there.react(services)
    live = there.live(services)
    assert ready(live)[1] == "ConfirmationRequired"
    assert live["status"]["confirmation"] != first["status"]["confirmation"]
    assert f"{SERVICES}/postgres/values.yaml" in there.tree()


def test_an_application_that_comes_back_ends_the_question(there: Platform, services: dict[str, Any]) -> None:
    there.apply(services)
    before = there.files()
    there.apply(services, services=services["spec"]["services"][:1])
    live = there.apply(services)
    assert ready(live)[0] == "True"
    assert "confirmation" not in live["status"]
    assert [row["state"] for row in live["status"]["services"]] == ["Committed", "Committed"]
    assert there.files() == before


def test_a_question_that_is_no_longer_asked_leaves_the_status_of_a_deleted_claim(
    there: Platform, services: dict[str, Any]
) -> None:
    """Deleting asks for everything; what was asked before is answered by no one any more."""
    there.apply(services)
    first = there.apply(services, services=services["spec"]["services"][:1])["status"]["confirmation"]
    there.delete(services)
    second = there.live(services)["status"]["confirmation"]
    assert first != second
    assert "postgres, rabbitmq" in ready(there.live(services))[2]
    there.annotate(services, confirm_removal=first)
    there.react(services)
    assert there.exists(services)
    confirm(there, services)
    assert not there.exists(services)
    assert [path for path in there.tree() if path.startswith(SERVICES)] == [f"{SERVICES}/.gitkeep"]


def test_what_a_lost_status_never_named_is_asked_for_as_well(there: Platform, services: dict[str, Any]) -> None:
    """A service came with generation 2, whose status was lost, and is out of generation 3: it may hold data by now."""
    there.apply(services, services=services["spec"]["services"][:1])
    first = there.live(services)
    there.apply(services)
    there.kube.objects["platformclaims", first["metadata"]["namespace"], "dev-platform"]["status"] = first["status"]
    live = there.apply(services, services=services["spec"]["services"][:1])
    assert live["metadata"]["generation"] == 3
    assert f"{SERVICES}/rabbitmq/values.yaml" in there.tree()
    assert ready(live)[1] == "ConfirmationRequired"


def test_a_claim_that_is_made_anew_adopts_what_is_there(there: Platform, apps: dict[str, Any]) -> None:
    """From a backup, or by another hand: the same wish makes no commit, and names the one that is there."""
    first = there.apply(apps)
    there.kube.objects.pop(("applicationclaims", "dev", "dev-apps"))
    head = there.head()
    live = there.apply(apps)
    assert live["metadata"]["uid"] != first["metadata"]["uid"]
    assert there.head() == head
    assert ready(live)[0] == "True"
    assert live["status"]["commit"] == first["status"]["commit"]
    assert [row["commit"] for row in live["status"]["applications"]] == [first["status"]["commit"]["sha"]] * 2


@pytest.mark.parametrize("kind", ["ApplicationClaim", "PlatformClaim"])
def test_a_claim_that_is_made_anew_and_would_remove_asks_at_every_look(there: Platform, kind: str) -> None:
    """Nothing of what is there is taken for a stranger's, at the second look neither."""
    there.settings["limits"] = DEFAULT
    claim = example(EXAMPLES[kind])
    rows = "applications" if kind == "ApplicationClaim" else "services"
    metadata = there.apply(claim)["metadata"]
    before = there.files()
    there.kube.objects.pop((KINDS[kind].resource.plural, metadata["namespace"], metadata["name"]))
    live = there.apply(claim, **{rows: []})
    for _ in range(3):
        there.reconciler(kind).react(Event("e", PING))
    assert ready(there.live(live))[:2] == ("False", "ConfirmationRequired")
    assert before.items() - there.files().items() <= {(path, text) for path, text in before.items() if "appset" in path}
    assert [row["state"] for row in there.live(live)["status"][rows]] == ["Held", "Held"]


def test_absence_never_deletes(there: Platform, apps: dict[str, Any], services: dict[str, Any]) -> None:
    """An empty API server in front of a full voltran: no commit, by no function, however often it looks."""
    there.apply(apps)
    there.apply(services)
    heads = [there.head(name) for name in ("voltran", "charts", "platform-charts")]
    there.kube.objects.clear()
    for kind in EXAMPLES:
        process = there.reconciler(kind)
        for _ in range(3):
            process.react(Event("e", PING))
    assert heads == [there.head(name) for name in ("voltran", "charts", "platform-charts")]


def test_a_platform_that_is_made_anew_removes_nobody(
    there: Platform, apps: dict[str, Any], services: dict[str, Any]
) -> None:
    """The BootstrapClaim is first in the restored API server: what is there is nobody's yet, and stays."""
    there.apply(apps)
    there.apply(services)
    before = there.files()
    there.kube.objects.clear()
    there.bootstrap()
    for kind in EXAMPLES:
        there.reconciler(kind).react(Event("e", PING))
    assert there.files() == before
    for claim in (apps, services):
        there.apply(claim)
    assert there.files() == before
    assert len({BOOTSTRAP.name, APPLICATION.name, PLATFORM.name} & EXAMPLES.keys()) == 3
