"""What strangers do to generated files is undone in one commit that names them, and told to the claim."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.events import PING, ClaimRef, Delivery, Event
from shared.kinds import APPLICATION
from shared.reconciler import Reconciler
from tests.functions.platform import Platform, example, ready
from tests.functions.stranger import EVE, Stranger

DEV = "environments/nonprod/dev"
APPS = f"{DEV}/applications"
SERVICES = f"{DEV}/platform"
SET = "appsets/nonprod/apps/dev-appset.yaml"
SERVICE_SET = "appsets/nonprod/platform/dev-platform-appset.yaml"
ROOT_APP = "root-apps/nonprod/apps-rootapp.yaml"
EXAMPLES = ("bootstrap-claim.yaml", "dev/dev-apps-claim.yaml", "dev/dev-platform-claim.yaml")
OWNERS = {"bootstrap": EXAMPLES[0], "apps": EXAMPLES[1], "services": EXAMPLES[2]}


class Functions:
    """The three, running since before the stranger came."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.restart()

    def restart(self) -> None:
        kinds = ("BootstrapClaim", "ApplicationClaim", "PlatformClaim")
        self.processes: list[Reconciler[Any]] = [self.platform.reconciler(kind) for kind in kinds]

    def hear(self, event: Event) -> None:
        """All of them get it; what one answers, the others get as well."""
        replies = [process.react(event) for process in self.processes]
        for reply in filter(None, replies):
            for process in self.processes[1:]:
                process.react(Event(reply[0]["ce-id"], reply[0]["ce-type"]))

    def resync(self) -> None:
        self.hear(Event("ping", PING))


@pytest.fixture
def there(platform: Platform) -> Platform:
    """A platform with a claim of each kind in Git; digests are pinned, so that a rebuild has to know them."""
    platform.bootstrap()
    platform.apply(example(EXAMPLES[1]), imagePolicy="Digest")
    platform.apply(example(EXAMPLES[2]))
    return platform


@pytest.fixture
def functions(there: Platform) -> Functions:
    """Processes that have looked at everything once."""
    running = Functions(there)
    running.resync()
    return running


@pytest.fixture
def stranger(there: Platform) -> Stranger:
    return Stranger(there)


def history(platform: Platform, owner: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = platform.live(example(OWNERS[owner]))["status"].get("history", [])
    return found


EDITS: list[tuple[dict[str, Any], str, str]] = [
    ({f"{APPS}/user-service/values.yaml": b"replicas: 7\n"}, "apps", "values were edited"),
    ({f"{APPS}/user-service/more.yaml": b"a: 1\n"}, "apps", "a file was added to an application's folder"),
    ({f"{APPS}/user-service/deep/er.yaml": b"a: 1\n"}, "apps", "and a folder"),
    ({f"{APPS}/stray": {"values.yaml": b"a: 1\n"}}, "apps", "an application was added"),
    ({f"{APPS}/user-service": None}, "apps", "an application was deleted"),
    ({f"{APPS}/README.md": b"hello"}, "apps", "a file was put among the applications"),
    ({SET: b"kind: ApplicationSet\n"}, "apps", "the set was edited"),
    ({SET: None}, "apps", "the set was deleted"),
    ({f"{SERVICES}/postgres/values.yaml": b"auth: {}\n"}, "services", "a service's values were edited"),
    ({f"{SERVICES}/stray": {"values.yaml": b"a: 1\n"}}, "services", "a service was added"),
    ({SERVICE_SET: None}, "services", "the services' set was deleted"),
    ({ROOT_APP: b"kind: Application\n"}, "bootstrap", "a root app was edited"),
    ({ROOT_APP: None}, "bootstrap", "a root app was deleted"),
    ({f"{DEV}/applications/.gitkeep": None}, "bootstrap", "what keeps a folder was deleted"),
    ({"README.md": b"hello"}, "bootstrap", "a file at the root"),
    ({".github": {"workflows.yaml": b"on: push\n"}}, "bootstrap", "a folder at the root"),
    ({"environments/README.md": b"hello"}, "bootstrap", "a file among the types"),
    ({"environments/nonprod/README.md": b"hello"}, "bootstrap", "a file among the environments"),
    ({f"{DEV}/README.md": b"hello"}, "bootstrap", "a file in an environment"),
    ({f"{DEV}/more": {"a": b"a"}}, "bootstrap", "a folder in an environment"),
    ({"appsets/README.md": b"hello"}, "bootstrap", "a file among the sets' types"),
    ({"appsets/nonprod/README.md": b"hello"}, "bootstrap", "a file among the kinds of sets"),
    ({"appsets/nonprod/apps/x-appset.yaml": b"hello"}, "bootstrap", "a set of no environment"),
    ({"root-apps/README.md": b"hello"}, "bootstrap", "a file among the root apps' types"),
    ({"root-apps/nonprod/more.yaml": b"hello"}, "bootstrap", "a root app of no role"),
]


def by_delivery(functions: Functions, event: Event) -> None:
    functions.hear(event)


def by_resync(functions: Functions, _: Event) -> None:
    functions.resync()


def by_new_processes(functions: Functions, _: Event) -> None:
    functions.platform.lose_caches()
    functions.restart()
    functions.resync()


WAYS = [(*case, by_delivery) for case in EDITS] + [
    (*case, way)
    for way in (by_resync, by_new_processes)
    for case in (EDITS[0], EDITS[3], EDITS[8], EDITS[11], EDITS[14])
]


@pytest.mark.parametrize(
    ("edits", "owner", "why", "way"), WAYS, ids=[f"{case[2]}, found {case[3].__name__}" for case in WAYS]
)
def test_restored(
    there: Platform,
    functions: Functions,
    stranger: Stranger,
    edits: dict[str, Any],
    owner: str,
    why: str,
    way: Callable[[Functions, Event], None],
) -> None:
    """Byte for byte, in one commit; it names the stranger's, and so do the history and an Event of the claim."""
    before = there.files()
    event = stranger.push(edits)
    theirs = there.head() or ""
    way(functions, event)
    assert there.files() == before, why
    assert there.git("rev-list", f"{theirs}..main").split() == [there.head()], "one commit on top of theirs"
    assert f"changed by {theirs[:12]} ({EVE})" in there.message()
    (entry,) = history(there, owner)
    assert (entry["reason"], entry["commit"], entry["author"], entry["restored"]) == (
        "Drifted", theirs, EVE, there.head(),
    )  # fmt: skip
    assert [reason for reason, _ in there.told(example(OWNERS[owner]))].count("Drifted") == 1
    assert [name for name in OWNERS if history(there, name)] == [owner], "nobody else is told"
    assert all(ready(there.live(example(path)))[0] == "True" for path in EXAMPLES)
    writes, head = len(there.kube.status_writes), there.head()
    functions.resync()
    assert (len(there.kube.status_writes), there.head()) == (writes, head), "and then all is quiet"


def test_everything_was_deleted_by_hand(there: Platform, functions: Functions, stranger: Stranger) -> None:
    """Each claim restores its own, and says who it was."""
    before = there.files()
    event = stranger.push({"environments": None, "appsets": None, "root-apps": None, "sorry": b""})
    functions.hear(event)
    assert there.files() == before
    for owner in OWNERS:
        assert [entry["author"] for entry in history(there, owner)] == [EVE], owner


def test_what_is_edited_and_drifted_at_once(there: Platform, functions: Functions, stranger: Stranger) -> None:
    """A claim that wants something else overwrites the stranger's edit: that is the claim's change, and no drift."""
    stranger.push({f"{APPS}/user-service/values.yaml": b"replicas: 7\n"})
    claim = there.live(example(EXAMPLES[1]))
    claim["spec"]["applications"][1]["values"] = {"replicas": 9}
    there.kube.put(APPLICATION.resource, claim)
    functions.resync()
    assert "replicas: 9" in there.file(f"{APPS}/user-service/values.yaml")
    assert history(there, "apps") == []


def force_back(stranger: Stranger, platform: Platform) -> Event:
    return stranger.reset(platform.git("rev-list", "--max-parents=0", "main").strip())


def rewrite_with_an_edit(stranger: Stranger, _: Platform) -> Event:
    stranger.push({f"{APPS}/user-service": None, SET: b"x"})
    return stranger.rewrite()


REWRITES = [
    (force_back, "the branch was forced back to before the claims"),
    (rewrite_with_an_edit, "one commit without a past, that has an edit"),
]


@pytest.mark.parametrize("way", [by_delivery, by_resync, by_new_processes])
@pytest.mark.parametrize(("rewrite", "why"), REWRITES, ids=[case[1] for case in REWRITES])
def test_a_rewritten_history_is_written_on(
    there: Platform,
    functions: Functions,
    stranger: Stranger,
    rewrite: Callable[[Stranger, Platform], Event],
    why: str,
    way: Callable[[Functions, Event], None],
) -> None:
    """Nothing is forced in return."""
    before = there.files()
    event = rewrite(stranger, there)
    theirs = there.head() or ""
    way(functions, event)
    assert there.files() == before, why
    assert theirs in there.git("rev-list", "main").split()
    assert len(history(there, "apps")) == 1
    assert all(ready(there.live(example(path)))[0] == "True" for path in EXAMPLES)
    assert there.live(example(EXAMPLES[1]))["status"]["commit"]["sha"] in there.git("rev-list", "main").split()


@pytest.mark.parametrize("way", [by_delivery, by_resync, by_new_processes])
def test_a_deleted_branch(
    there: Platform, functions: Functions, stranger: Stranger, way: Callable[[Functions, Event], None]
) -> None:
    before = there.files()
    way(functions, stranger.delete_branch())
    stranger.give_branch_back()
    assert there.files() == before
    assert all(ready(there.live(example(path)))[0] == "True" for path in EXAMPLES)


@pytest.mark.parametrize("way", [by_delivery, by_resync, by_new_processes])
def test_a_deleted_repository(
    there: Platform, functions: Functions, stranger: Stranger, way: Callable[[Functions, Event], None]
) -> None:
    """The rebuilt tree is the same to the byte, the pinned digests among it: the registry is not asked again."""
    before = there.files()
    assert "digest: sha256:" in before[f"{APPS}/user-service/values.yaml"]
    asked = len(there.registry.asked)
    way(functions, stranger.delete_repository())
    assert there.files() == before
    assert len(there.registry.asked) == asked
    commits = there.git("rev-list", "main").split()
    for path in EXAMPLES:
        live = there.live(example(path))
        assert ready(live)[0] == "True"
        assert live["status"]["commit"]["sha"] in commits


def test_our_own_pushes_cause_no_work(there: Platform, functions: Functions) -> None:
    """Neither to who pushed, nor to the other functions, which take a claim's commit for what it says it is."""
    claim = there.live(example(EXAMPLES[1]))
    claim["spec"]["applications"][1]["values"] = {"replicas": 9}
    before = there.head() or ""
    put = there.kube.put(APPLICATION.resource, claim)
    metadata = put["metadata"]
    functions.processes[1].reconcile(ClaimRef(put["kind"], metadata["namespace"], metadata["name"]), Event("e", PING))
    delivery = Delivery(
        f"{there.organization}/voltran", "", "refs/heads/main", before, there.head() or "", (there.message(),), 1
    )
    reads, asked = there.kube.reads, len(there.registry.asked)
    functions.hear(Event("d", "io.infraforge.gitea.push", delivery=delivery))
    assert (there.kube.reads, len(there.registry.asked)) == (reads, asked)
    functions.restart()
    functions.hear(Event("d", "io.infraforge.gitea.push", delivery=delivery))
    assert (there.kube.reads, len(there.registry.asked)) == (reads, asked)


def test_a_push_to_the_charts_causes_no_work(there: Platform, functions: Functions) -> None:
    """A team's own chart lives there: it is nothing of ours."""
    delivery = Delivery(f"{there.organization}/charts", "", "refs/heads/main", "a" * 40, "b" * 40, ("Own chart",), 1)
    reads = there.kube.reads
    functions.hear(Event("d", "io.infraforge.gitea.push", delivery=delivery))
    assert there.kube.reads == reads


def test_another_installations_types_are_never_touched(there: Platform, stranger: Stranger) -> None:
    """Whatever is done to them: this one serves `prod` alone, and neither looks nor writes there."""
    there.settings["cluster_types"] = ("prod",)
    functions = Functions(there)
    functions.resync()
    head = there.head()
    event = stranger.push(
        {
            f"{APPS}/user-service": None,
            SET: b"x",
            ROOT_APP: None,
            f"{DEV}/README.md": b"theirs to clear",
            "environments/edge/x/applications/a/values.yaml": b"of a third installation",
            "appsets/edge/apps/x-appset.yaml": b"of a third installation",
            "root-apps/edge/apps-rootapp.yaml": b"of a third installation",
        }
    )
    assert there.head() != head
    theirs = there.head()
    functions.hear(event)
    functions.resync()
    assert there.head() == theirs
    stranger.push({"root-apps/prod/apps-rootapp.yaml": None})
    functions.resync()
    assert list(there.changes()) == ["root-apps/prod/apps-rootapp.yaml"], "its own it repairs"


def test_a_generation_whose_status_was_lost_is_no_strangers(there: Platform) -> None:
    """Generation 2 is in Git, its status never came through, and generation 3 is as 1 was."""
    claim = example(EXAMPLES[1])
    first = there.live(claim)
    edited = there.live(claim)
    edited["spec"]["applications"][1]["values"] = {"replicas": 9}
    there.kube.put(APPLICATION.resource, edited)
    there.react(claim)
    document = there.kube.objects["applicationclaims", "dev", "dev-apps"]
    document["status"] = first["status"]
    there.kube.put(APPLICATION.resource, first)
    there.react(claim)
    live = there.live(claim)
    assert live["metadata"]["generation"] == 3
    assert there.message().startswith("dev: write user-service\n")
    assert "Drift" not in there.message()
    assert "history" not in live["status"] or live["status"]["history"] == []
    assert live["status"]["commit"]["sha"] == there.head()
