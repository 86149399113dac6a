"""What leaves Git: exactly what is meant, in one commit, after a person was asked where a slip would hurt."""

from typing import Any

import pytest

from shared.claims.meta import FINALIZER
from shared.events import PING, Event
from shared.kinds import APPLICATION, BOOTSTRAP, PLATFORM
from shared.kube.client import Document, Resource
from tests.functions.platform import Platform, condition, example, ready
from tests.functions.removals import APPS, EXAMPLES, SET, confirm

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
