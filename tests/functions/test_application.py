"""The application function: one commit a change, a row for each application, and nothing when nothing changed."""

import copy
from typing import Any

import pytest
import yaml

from shared.errors import GiteaUnavailable
from shared.events import BOOTSTRAPPED, Event
from shared.git import parse
from shared.oci import NotAllowed, Private, Resolved, TagMissing, Unavailable
from tests.functions.platform import Platform, condition, example, ready

APPS = "environments/nonprod/dev/applications"
SHOP = "ghcr.io/infraforge/ecommerce-platform:v1.2.3"
USERS = "ghcr.io/infraforge/user-service:latest"


@pytest.fixture
def claim() -> dict[str, Any]:
    """The seed's ApplicationClaim."""
    return example("dev/dev-apps-claim.yaml")


def commits(platform: Platform) -> int:
    return int(platform.git("rev-list", "--count", "main"))


def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in document["status"]["applications"]}


def test_second_event_changes_nothing(there: Platform, claim: dict[str, Any]) -> None:
    """Replay twice, and the status write's own echo: no commit, no push, no status write, no Event, no registry."""
    live = there.apply(claim)
    assert ready(live) == ("True", "Committed", "all 2 applications are in Git")
    before = commits(there), len(there.kube.status_writes), len(there.kube.events), len(there.registry.asked)
    there.react(live, "event-2")
    there.react(there.live(live), "echo")
    assert before == (commits(there), len(there.kube.status_writes), len(there.kube.events), len(there.registry.asked))


def test_one_edit_is_one_commit(there: Platform, claim: dict[str, Any]) -> None:
    """The edited application's row names the new commit; its neighbour keeps its own."""
    first = there.apply(claim)
    claim["spec"]["applications"][0]["values"]["replicas"] = 5
    second = there.apply(claim)
    assert commits(there) == 3
    assert second["status"]["commit"]["sha"] == there.git("rev-parse", "main").strip()
    assert rows(second)["ecommerce-platform"]["commit"] == second["status"]["commit"]["sha"]
    assert rows(second)["user-service"] == rows(first)["user-service"]
    assert there.git("show", "--name-only", "--format=%s", "main").split("\n")[:3] == [
        "dev: write ecommerce-platform", "", f"{APPS}/ecommerce-platform/values.yaml",
    ]  # fmt: skip


def test_commit_carries_the_claim(there: Platform, claim: dict[str, Any]) -> None:
    """Trailers and the spec, as history and rollback will read them."""
    live = there.apply(claim)
    record = parse(there.git("show", "-s", "--format=%B", "main"))
    assert record is not None
    assert (record.kind, record.namespace, record.name) == ("ApplicationClaim", "dev", "dev-apps")
    assert (record.uid, record.generation, record.event_id) == ("uid-dev-apps", 1, "event-1")
    assert record.spec == live["spec"]


def test_an_application_taken_out_of_the_claim_leaves_git(there: Platform, claim: dict[str, Any]) -> None:
    """Its folder goes in the same commit that writes the rest; the skeleton stays."""
    there.apply(claim)
    there.apply(claim, applications=claim["spec"]["applications"][:1])
    inside = [path for path in there.tree() if path.startswith(f"{APPS}/")]
    assert inside == [f"{APPS}/.gitkeep", f"{APPS}/ecommerce-platform/values.yaml"]
    assert there.git("show", "-s", "--format=%s", "main").strip() == "dev: remove user-service"


HOLDS = [
    (
        TagMissing('ghcr.io/infraforge/user-service has no tag "latest"; the nearest are: v1.0.0', ("v1.0.0",)),
        "TagNotFound",
        "a tag that does not exist cannot be deployed",
    ),
    (
        NotAllowed("registry ghcr.io is not one that this installation may ask"),
        "RegistryNotAllowed",
        "an image from there must not be deployed either",
    ),
]


@pytest.mark.parametrize(("outcome", "reason", "why"), HOLDS, ids=[case[1] for case in HOLDS])
def test_what_holds_one_application_back(
    there: Platform, claim: dict[str, Any], outcome: TagMissing | NotAllowed, reason: str, why: str
) -> None:
    """That application only: its neighbour is written, and the claim says which and why."""
    there.registry.outcomes[USERS] = outcome
    live = there.apply(claim)
    assert rows(live)["user-service"]["state"] == "Held", why
    assert rows(live)["user-service"]["message"] == outcome.message
    assert rows(live)["ecommerce-platform"]["state"] == "Committed"
    assert f"{APPS}/ecommerce-platform/values.yaml" in there.tree()
    assert f"{APPS}/user-service/values.yaml" not in there.tree()
    assert ready(live) == ("False", reason, f"user-service: {outcome.message}")
    assert condition(live, "Stalled")[:2] == ("True", reason)


def test_a_held_application_keeps_what_it_had(there: Platform, claim: dict[str, Any]) -> None:
    """A typing error in a tag must not take down what runs."""
    there.apply(claim)
    there.registry.outcomes["ghcr.io/infraforge/user-service:v9"] = TagMissing("no such tag")
    changed = copy.deepcopy(claim)
    changed["spec"]["applications"][1]["image"]["tag"] = "v9"
    live = there.apply(changed)
    assert "tag: latest" in there.file(f"{APPS}/user-service/values.yaml")
    assert rows(live)["user-service"]["state"] == "Held"
    del there.registry.outcomes["ghcr.io/infraforge/user-service:v9"]
    there.react(live)
    assert "tag: v9" in there.file(f"{APPS}/user-service/values.yaml"), "the tag came, and the next event finds it"
    assert ready(there.live(live))[0] == "True"


DOUBTS = [
    (
        Unavailable("ghcr.io does not answer"),
        "RegistryUnavailable",
        "a registry that is down must not block a deployment",
    ),
    (Private("ghcr.io does not show it to us"), "ImagePrivate", "the kubelet may hold a pull secret that we do not"),
]


@pytest.mark.parametrize(("outcome", "reason", "why"), DOUBTS, ids=[case[1] for case in DOUBTS])
@pytest.mark.parametrize("policy", ["Tag", "Digest"])
def test_what_does_not_hold_back(
    there: Platform, claim: dict[str, Any], policy: str, outcome: Unavailable | Private, reason: str, why: str
) -> None:
    """The tag is used and `ImagesResolved=Unknown` says so; when the registry is back the digest follows."""
    there.registry.outcomes[USERS] = outcome
    live = there.apply(claim, imagePolicy=policy)
    assert ready(live)[0] == "True", why
    assert condition(live, "ImagesResolved") == ("Unknown", reason, f"user-service: {outcome.message}")
    assert "tag: latest" in there.file(f"{APPS}/user-service/values.yaml")
    assert "digest" not in rows(live)["user-service"]
    del there.registry.outcomes[USERS]
    there.react(live)
    after = there.live(live)
    assert condition(after, "ImagesResolved")[0] == "True"
    digest = rows(after)["user-service"]["digest"]
    assert (digest in there.file(f"{APPS}/user-service/values.yaml")) == (policy == "Digest")


def test_digest_policy_pins_what_the_status_records(there: Platform, claim: dict[str, Any]) -> None:
    """Resolved once per image; a tag that moves changes nothing until the claim is annotated."""
    live = there.apply(claim, imagePolicy="Digest")
    digest = rows(live)["ecommerce-platform"]["digest"]
    values = yaml.safe_load(there.file(f"{APPS}/ecommerce-platform/values.yaml"))
    assert values["image"]["digest"] == digest
    moved = f"sha256:{'b' * 64}"
    there.registry.outcomes[SHOP] = Resolved(moved)
    there.react(live)
    assert digest in there.file(f"{APPS}/ecommerce-platform/values.yaml")
    claim["metadata"]["annotations"] = {"platform.infraforge.io/resolve-images": "again"}
    again = there.apply(claim, imagePolicy="Digest")
    assert moved in there.file(f"{APPS}/ecommerce-platform/values.yaml")
    assert again["status"]["imagesResolvedFor"] == "again"
    asked = len(there.registry.asked)
    there.react(again)
    assert len(there.registry.asked) == asked, "one annotation asks once"


def test_a_crash_between_push_and_status_is_made_good(there: Platform, claim: dict[str, Any]) -> None:
    """The redelivered event makes no second commit, and finds out which commit was its own."""
    live = there.apply(claim)
    document = there.kube.objects["applicationclaims", "dev", "dev-apps"]
    sha = document.pop("status")["commit"]["sha"]
    there.claim(example("dev/dev-platform-claim.yaml"))
    there.react(there.live(example("dev/dev-platform-claim.yaml")))  # somebody else's commit comes in between
    count = commits(there)
    there.react(live, "redelivered")
    after = there.live(live)
    assert commits(there) == count
    assert after["status"]["commit"]["sha"] == sha
    assert {row["commit"] for row in rows(after).values()} == {sha}


def test_charts_of_every_source(there: Platform, claim: dict[str, Any]) -> None:
    """Another chart's name, two applications of one chart, a team's own chart, and one from an OCI registry."""
    template = claim["spec"]["applications"][0]
    charts = {
        "checkout": {"name": "order-service"},
        "returns": {"name": "order-service"},
        "own": {"name": "own-chart", "source": "repository"},
        "far": {"name": "web", "source": "oci", "repository": "oci://ghcr.io/acme/charts", "version": "1.2.3"},
    }
    applications = [template | {"name": name, "chart": chart} for name, chart in charts.items()]
    there.apply(claim, applications=applications)
    spec = yaml.safe_load(there.file("appsets/nonprod/apps/dev-appset.yaml"))["spec"]
    source = spec["template"]["spec"]["sources"][0]
    assert source["path"] == (
        '{{ get (dict "checkout" "order-service" "own" "own-chart" "returns" "order-service") .path.basename'
        " | default .path.basename }}"
    )
    revision = there.live(example("bootstrap-claim.yaml"))["status"]["charts"]["revision"]
    assert source["targetRevision"] == f'{{{{ get (dict "own" "main") .path.basename | default "{revision}" }}}}'
    assert '{{- if eq .path.basename "far" }}' in spec["templatePatch"]
    assert '"chart":"web"' in spec["templatePatch"]
    assert '"repoURL":"ghcr.io/acme/charts"' in spec["templatePatch"]


def test_waits_for_bootstrap_and_goes_on_by_itself(platform: Platform, claim: dict[str, Any]) -> None:
    """Applied too early: it waits, and the bootstrap's event converges it."""
    live = platform.apply(claim)
    assert ready(live)[:2] == ("False", "NotBootstrapped")
    assert condition(live, "Reconciling")[0] == "True"
    platform.bootstrap()
    platform.reconciler("ApplicationClaim").react(Event("wake", BOOTSTRAPPED, None))
    assert ready(platform.live(live))[0] == "True"


REFUSALS = [
    ({"environment": "staging"}, {}, "EnvironmentUnknown",
     'spec.environment: cluster type "nonprod" has no environment "staging"; it has: dev, qa, sandbox',
     "refused by name, with the list of those there are"),
    ({"clusterType": "edge"}, {}, "ClusterTypeUnknown",
     'spec.clusterType: no BootstrapClaim has a cluster type "edge"; there are: nonprod, prod',
     "refused by name, with the list of those there are"),
    ({}, {"cluster_types": ("prod",)}, "ClusterTypeNotServed",
     'spec.clusterType: this installation does not serve "nonprod"; it serves prod',
     "another installation's part is never touched"),
    ({}, {"environment_namespaces": {"dev": frozenset({"team-a"})}}, "NamespaceNotAllowed",
     'namespace "dev" may not claim environment "dev": it is bound to team-a',
     "an operator binds environments to namespaces"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "settings", "reason", "message", "why"), REFUSALS, ids=[case[2] for case in REFUSALS])
def test_refused(
    there: Platform, claim: dict[str, Any], spec: dict, settings: dict, reason: str, message: str, why: str
) -> None:
    """A permanent fault is in the status, and nothing is written."""
    there.settings |= settings
    head = commits(there)
    live = there.apply(claim, **spec)
    assert ready(live) == ("False", reason, message), why
    assert commits(there) == head


def test_second_owner_writes_nothing(there: Platform, claim: dict[str, Any]) -> None:
    """The oldest claim owns the environment, then the smaller UID; the other one says whose it is."""
    there.apply(claim)
    head = commits(there)
    second = copy.deepcopy(claim)
    second["metadata"] = {"name": "a-rival", "namespace": "qa"}
    put = there.kube.put(there.reconciler("ApplicationClaim")._kind.resource, second, created="2026-11-24T10:00:00Z")
    there.react(put)
    assert ready(there.live(put)) == (
        "False",
        "EnvironmentConflict",
        'environment "dev" of cluster type "nonprod" belongs to ApplicationClaim dev/dev-apps, which is older: '
        "move the content there, or delete one of the two",
    )
    assert commits(there) == head
    there.react(there.live(claim))
    assert ready(there.live(claim))[0] == "True"


def test_a_claim_that_is_gone_is_nothing(there: Platform, claim: dict[str, Any]) -> None:
    """An event for a deleted claim: answered, and nothing done."""
    assert there.react(claim) is None
    assert commits(there) == 1


def test_gitea_down_is_in_the_status_and_tried_again(there: Platform, claim: dict[str, Any]) -> None:
    """The rows of before stay; the claim says what is in the way."""
    live = there.apply(claim)
    there.repositories.clear()
    there.server = there.server.__class__(
        "http://127.0.0.1:9", there.server.token, there.server.readonly, there.server.admin
    )
    with pytest.raises(GiteaUnavailable):
        there.react(live)
    after = there.live(live)
    assert ready(after)[:2] == ("False", "GiteaUnavailable")
    assert rows(after) == rows(live)


def test_a_push_race_is_replayed(there: Platform, claim: dict[str, Any]) -> None:
    """Somebody pushes between our look at the head and our push: nothing is lost, nothing is applied twice."""
    raced = False
    ask = there.registry

    def racing(images: Any, *, fresh: bool) -> Any:
        nonlocal raced
        if there.kube.reads >= 2 and not raced:  # the second read of the claim comes after the head is known
            raced = True
            with stranger.transaction() as git:
                git.commit({"root-apps/hello.txt": b"hello"}, "A stranger's commit")
                git.push()
        return ask(images, fresh=fresh)

    platform = there
    stranger = Platform(there.server, there.cache / "stranger", organization=there.organization).repository(
        there.organization, "voltran"
    )
    platform.registry = racing  # type: ignore[assignment]  # stands in front of the fake registry
    there.kube.reads = 0
    live = platform.apply(claim)
    assert raced
    assert ready(live)[0] == "True"
    subjects = there.git("log", "--format=%s", "main").splitlines()
    assert subjects[0] == "dev: write dev-appset.yaml, ecommerce-platform, user-service"
    assert subjects[1] == "A stranger's commit"
    assert len(subjects) == 3


def test_status_conflict_starts_over(there: Platform, claim: dict[str, Any]) -> None:
    """Somebody writes the claim while it is worked on: the newer spec is what ends up in Git and in the status."""
    put = there.claim(claim)
    write = there.kube.patch_status
    done = False

    def meddled(resource: Any, document: Any, status: Any) -> Any:
        nonlocal done
        if not done:
            done = True
            newer = copy.deepcopy(claim)
            newer["spec"]["applications"][0]["values"]["replicas"] = 7
            there.kube.put(resource, newer)
        return write(resource, document, status)

    there.kube.patch_status = meddled  # type: ignore[method-assign]  # the fake's own edge, to time the other writer
    there.react(put)
    live = there.live(put)
    assert live["status"]["observedGeneration"] == 2
    assert "replicas: 7" in there.file(f"{APPS}/ecommerce-platform/values.yaml")
    assert ready(live)[0] == "True"


def test_story_for_kubectl_describe(there: Platform, claim: dict[str, Any]) -> None:
    """One Event when it became ready, one when an application is held back."""
    there.apply(claim)
    there.registry.outcomes["ghcr.io/infraforge/user-service:v9"] = TagMissing("no such tag")
    claim["spec"]["applications"][1]["image"]["tag"] = "v9"
    there.apply(claim)
    told = [
        (event["type"], event["reason"]) for event in there.kube.events if event["involvedObject"]["name"] == "dev-apps"
    ]
    assert told == [("Normal", "Committed"), ("Warning", "TagNotFound")]
