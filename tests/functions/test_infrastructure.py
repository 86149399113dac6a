"""InfrastructureClaims: one file for all namespaces, a set shared with the services, and nothing lost unasked."""

from typing import Any

import pytest
import yaml

from shared.claims.meta import FINALIZER
from shared.events import BOOTSTRAPPED, PING, Event
from shared.kinds import INFRASTRUCTURE
from shared.kube.client import VOLUME_CLAIMS
from tests.functions.gitea import GiteaServer
from tests.functions.platform import Platform, condition, example, ready

CLAIM = example("dev/dev-infrastructure-claim.yaml")
SERVICES = example("dev/dev-platform-claim.yaml")
APPS = example("dev/dev-apps-claim.yaml")
FOLDER = "environments/nonprod/dev/platform/namespaces"
VALUES = f"{FOLDER}/values.yaml"
SET = "appsets/nonprod/platform/dev-platform-appset.yaml"
SHOP = {"name": "shop"}


def named(name: str, namespace: str = "platform-system", **spec: Any) -> dict[str, Any]:
    """Another InfrastructureClaim."""
    return CLAIM | {"metadata": {"name": name, "namespace": namespace}, "spec": CLAIM["spec"] | spec}


def namespaces(platform: Platform, path: str = VALUES) -> list[str]:
    """The names in the file, in its order."""
    return [one["name"] for one in yaml.safe_load(platform.file(path))["namespaces"]]


def rows(live: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Namespace → state and reason."""
    return {row["name"]: (row["state"], row["reason"]) for row in live["status"]["namespaces"]}


def confirm(platform: Platform, live: dict[str, Any]) -> dict[str, Any]:
    """What a person does who has read the message."""
    platform.annotate(live, confirm_removal=live["status"]["confirmation"])
    platform.react(live)
    return live


def test_one_commit_with_values_and_set(there: Platform) -> None:
    """And a row for each namespace, which says where its values are and which commit brought them."""
    before = there.commits()
    live = there.apply(CLAIM)
    assert ready(live) == ("True", "Committed", "all 1 namespaces are in Git")
    assert live["metadata"]["finalizers"] == [FINALIZER]
    assert there.commits() == before + 1
    assert there.changes() == {VALUES: "A", SET: "A"}
    message = there.message()
    assert message.startswith("dev: write dev-platform-appset.yaml, namespaces\n")
    assert "\nClaim: InfrastructureClaim/platform-system/dev-infrastructure\n" in message
    (row,) = live["status"]["namespaces"]
    assert row == {
        "name": "dev",
        "state": "Committed",
        "reason": "Committed",
        "path": FOLDER,
        "checksum": row["checksum"],
        "commit": there.head(),
    } | ({"deployed": row["deployed"]} if "deployed" in row else {})
    assert live["status"]["commit"]["sha"] == there.head()


def test_values_are_what_the_chart_reads(there: Platform) -> None:
    """Without what it does anyway, numbers as text, in the order of the names."""
    spaces = [SHOP, CLAIM["spec"]["namespaces"][0], {"name": "open", "networkPolicy": {"enabled": False}}]
    there.apply(CLAIM, namespaces=spaces)
    assert (
        there.file(VALUES)
        == """\
namespaces:
  - name: dev
    labels:
      team: shop
    quota:
      pods: "100"
      requests.cpu: "8"
      requests.memory: 16Gi
    limits:
      default:
        cpu: 500m
        memory: 256Mi
      defaultRequest:
        cpu: 50m
        memory: 64Mi
    networkPolicy:
      from:
        - ingress-nginx
      to:
        - platform-services
    access:
      - role: edit
        kind: Group
        name: developers
      - role: view
        kind: ServiceAccount
        name: dashboard
        namespace: monitoring
  - name: open
    networkPolicy:
      enabled: false
  - name: shop
"""
    )


def test_the_order_of_the_claim_makes_no_commit(there: Platform) -> None:
    there.apply(CLAIM, namespaces=[{"name": "a"}, {"name": "b"}])
    head = there.head()
    live = there.apply(CLAIM, namespaces=[{"name": "b"}, {"name": "a"}])
    assert ready(live)[0] == "True"
    assert there.head() == head


@pytest.mark.parametrize("first", ["InfrastructureClaim", "PlatformClaim"])
def test_whoever_comes_second_makes_the_same_set(there: Platform, first: str) -> None:
    """Byte for byte, and the first then finds nothing to do."""
    order = [CLAIM, SERVICES] if first == "InfrastructureClaim" else [SERVICES, CLAIM]
    for claim in order:
        assert ready(there.apply(claim))[0] == "True"
    made, head, written = there.file(SET), there.head(), len(there.kube.status_writes)
    for claim in order:
        there.react(claim)
    assert (there.file(SET), there.head(), len(there.kube.status_writes)) == (made, head, written)
    spec = yaml.safe_load(made)["spec"]
    assert spec["generators"][0]["git"]["directories"] == [{"path": "environments/nonprod/dev/platform/*"}]
    template = spec["template"]["spec"]
    assert template["project"] == (
        '{{ get (dict "namespaces" "infraforge-namespaces-nonprod") .path.basename | default "nonprod" }}'
    )
    assert template["destination"]["namespace"] == (
        '{{ get (dict "namespaces" "default") .path.basename | default "platform-services" }}'
    )


def test_alone_it_deploys_nothing_but_namespaces(there: Platform) -> None:
    """Folders of services whose claim was lost are nobody's to move: their Applications stay as they are."""
    there.apply(SERVICES)
    there.kube.objects.pop(("platformclaims", "platform-services", "dev-platform"))
    there.apply(CLAIM)
    spec = yaml.safe_load(there.file(SET))["spec"]
    assert spec["generators"][0]["git"]["directories"] == [{"path": FOLDER}]
    assert spec["template"]["spec"]["destination"]["namespace"] == "default"
    assert f"{FOLDER.removesuffix('namespaces')}postgres/values.yaml" in there.tree()


def test_a_neighbour_that_is_only_being_deleted_is_deployed_as_before(there: Platform) -> None:
    """Its removal waits for a person; what deploys a database must not move it in the meantime."""
    there.apply(SERVICES)
    there.apply(CLAIM)
    made = there.file(SET)
    there.delete(SERVICES)
    assert ready(there.live(SERVICES))[1] == "ConfirmationRequired"
    there.apply(CLAIM, namespaces=[*CLAIM["spec"]["namespaces"], SHOP])
    assert there.file(SET) == made


def test_the_set_follows_whoever_is_left(there: Platform) -> None:
    there.apply(SERVICES)
    alone = there.file(SET)
    there.apply(CLAIM)
    there.delete(CLAIM)
    confirm(there, there.live(CLAIM))
    assert not there.exists(CLAIM)
    assert there.file(SET) == alone
    there.delete(SERVICES)
    confirm(there, there.live(SERVICES))
    assert not there.exists(SERVICES)
    assert SET not in there.tree()


def test_the_last_of_them_takes_the_set_along(there: Platform) -> None:
    there.apply(CLAIM)
    there.delete(CLAIM)
    confirm(there, there.live(CLAIM))
    assert not there.exists(CLAIM)
    assert [path for path in there.tree() if "namespaces" in path or path == SET] == []
    assert ("Removed", f"its files went with commit {there.head()}") in there.told(CLAIM)


def test_a_neighbour_that_cannot_be_read_keeps_its_part_of_the_set(there: Platform) -> None:
    """Its spec was let in once and no longer is: nobody guesses what it meant, and nothing of it is moved."""
    there.apply(SERVICES)
    there.apply(CLAIM)
    made = there.file(SET)
    broken = there.live(SERVICES)
    there.kube.put(INFRASTRUCTURE.resource.__class__("platform.infraforge.io/v1alpha1", "platformclaims"),
                   broken | {"spec": broken["spec"] | {"services": "all"}})  # fmt: skip
    live = there.apply(CLAIM, namespaces=[*CLAIM["spec"]["namespaces"], {"name": "a-first"}])
    assert ready(live)[0] == "True"
    assert namespaces(there) == ["a-first", "dev"]
    assert there.file(SET) == made
    there.delete(CLAIM)
    confirm(there, there.live(CLAIM))
    assert there.file(SET) == made


def test_a_namespace_taken_out_waits_for_a_person_who_hears_what_is_in_it(there: Platform) -> None:
    """However small the removal: with a namespace would go everything in it."""
    there.apply(CLAIM, namespaces=[SHOP, *CLAIM["spec"]["namespaces"]])
    there.apply(APPS)
    there.kube.put(VOLUME_CLAIMS, {"kind": "PersistentVolumeClaim", "metadata": {"name": "data-0", "namespace": "dev"}})
    head = there.head()
    live = there.apply(CLAIM, namespaces=[SHOP])
    status, reason, message = ready(live)
    assert (status, reason) == ("False", "ConfirmationRequired")
    assert message.startswith(
        "removing dev (home of ApplicationClaim dev-apps; volume claims data-0) waits for a confirmation, "
        "since what is in a namespace would be nobody's: it stays, with its volumes, until a person deletes the "
        "namespace; to go on: kubectl annotate --overwrite infrastructureclaim/dev-infrastructure "
        "-n platform-system platform.infraforge.io/confirm-removal=remove-1-"
    )
    assert rows(live) == {"shop": ("Committed", "Committed"), "dev": ("Held", "ConfirmationRequired")}
    assert namespaces(there) == ["dev", "shop"]
    assert there.head() == head
    live = there.live(confirm(there, live))
    assert ready(live)[0] == "True"
    assert rows(live) == {"shop": ("Committed", "Committed")}
    assert namespaces(there) == ["shop"]


def test_what_lives_on_another_cluster_is_not_looked_for_on_this_one(there: Platform) -> None:
    """A namespace here may be called the same; what is in it has nothing to do with the removal."""
    clusters = example("bootstrap-claim.yaml")["spec"]["clusters"]
    clusters[1]["destination"] = {"name": "production"}
    there.apply(example("bootstrap-claim.yaml"), clusters=clusters)
    there.apply(APPS)
    there.kube.put(VOLUME_CLAIMS, {"kind": "PersistentVolumeClaim", "metadata": {"name": "data-0", "namespace": "dev"}})
    far = named("prod", clusterType="prod", environment="prod", namespaces=[SHOP, {"name": "dev"}])
    there.apply(far)
    live = there.apply(far, namespaces=[SHOP])
    assert ready(live)[2].startswith("removing dev waits for a confirmation")


def test_what_is_held_keeps_what_git_says_of_it(there: Platform) -> None:
    """The neighbours of a namespace that waits go on, and its own entry is not touched."""
    there.apply(CLAIM)
    before = yaml.safe_load(there.file(VALUES))["namespaces"][0]
    there.apply(CLAIM, namespaces=[SHOP | {"labels": {"team": "new"}}])
    kept, shop = yaml.safe_load(there.file(VALUES))["namespaces"]
    assert kept == before
    assert shop == {"name": "shop", "labels": {"team": "new"}}


def test_a_claim_in_deletion_waits_too(there: Platform) -> None:
    there.apply(CLAIM)
    there.delete(CLAIM)
    live = there.live(CLAIM)
    assert ready(live)[1] == "ConfirmationRequired"
    assert VALUES in there.tree()
    there.annotate(live, confirm_removal="remove-1-ffffffff")
    there.react(live)
    assert there.exists(CLAIM), "another removal was confirmed"


def test_a_namespace_is_one_claims(there: Platform) -> None:
    """The older one's; the younger one's neighbours go on, and it gets it when the older one lets go."""
    there.apply(CLAIM)
    other = named("qa", environment="qa", namespaces=[{"name": "dev"}, {"name": "qa"}])
    live = there.apply(other)
    said = (
        "dev: it belongs to InfrastructureClaim platform-system/dev-infrastructure, which is older: "
        "choose another name, or take it out of one of the two"
    )
    assert ready(live) == ("False", "NamespaceConflict", said)
    assert rows(live) == {"dev": ("Held", "NamespaceConflict"), "qa": ("Committed", "Committed")}
    path = VALUES.replace("/dev/", "/qa/")
    assert namespaces(there, path) == ["qa"]
    confirm(there, there.apply(CLAIM, namespaces=[SHOP]))
    there.reconciler("InfrastructureClaim").react(Event("ping", PING))
    assert ready(there.live(other))[0] == "True"
    assert namespaces(there, path) == ["dev", "qa"]


def test_an_older_claim_that_comes_to_name_a_namespace_gets_it(there: Platform) -> None:
    """A process to which the younger claim is settled hears of it by the next resync."""
    there.apply(CLAIM)
    other = named("qa", environment="qa", namespaces=[SHOP])
    assert ready(there.apply(other))[0] == "True"
    process = there.reconciler("InfrastructureClaim")
    process.react(Event("ping", PING))
    there.claim(CLAIM, namespaces=[*CLAIM["spec"]["namespaces"], SHOP])
    process.react(Event("ping", PING))
    assert ready(there.live(CLAIM))[0] == "True"
    assert rows(there.live(other)) == {"shop": ("Held", "NamespaceConflict")}
    assert namespaces(there) == ["dev", "shop"]
    assert namespaces(there, VALUES.replace("/dev/", "/qa/")) == [], "ArgoCD would have two masters of one namespace"


def test_the_same_name_on_another_cluster_is_another_namespace(there: Platform) -> None:
    clusters = example("bootstrap-claim.yaml")["spec"]["clusters"]
    clusters[1]["destination"] = {"name": "production"}
    there.apply(example("bootstrap-claim.yaml"), clusters=clusters)
    there.apply(CLAIM)
    live = there.apply(named("prod", clusterType="prod", environment="prod"))
    assert ready(live)[0] == "True"


class Killed(BaseException):
    """What no code of ours catches."""


def killed_at(step: str, platform: Platform) -> None:
    """The function is killed when it begins this step for the claim; the next one starts on its disk."""

    def trace(name: str) -> None:
        if name == step:
            raise Killed

    platform.settings["trace"] = trace
    with pytest.raises(Killed):
        platform.react(CLAIM)
    del platform.settings["trace"]


@pytest.mark.parametrize("step", INFRASTRUCTURE.steps_of_work)
def test_killed_while_it_writes(there: Platform, step: str) -> None:
    """Another look makes good what is missing, and nothing is done twice."""
    there.claim(CLAIM)
    killed_at(step, there)
    there.react(CLAIM)
    live = there.live(CLAIM)
    assert ready(live)[0] == "True"
    assert live["status"]["commit"]["sha"] == there.head()
    assert namespaces(there) == ["dev"]
    ours = there.git("log", "--format=%B", "main").count("Claim: InfrastructureClaim/")
    assert ours == 1


@pytest.mark.parametrize("step", INFRASTRUCTURE.steps_of_removal)
def test_killed_while_it_leaves(there: Platform, step: str) -> None:
    """What a person has confirmed goes on; the neighbour's part of the set stays."""
    there.apply(SERVICES)
    made = there.file(SET)
    there.apply(CLAIM)
    there.delete(CLAIM)
    there.annotate(CLAIM, confirm_removal=there.live(CLAIM)["status"]["confirmation"])
    killed_at(step, there)
    if there.exists(CLAIM):
        there.react(CLAIM)
    assert not there.exists(CLAIM)
    assert VALUES not in there.tree()
    assert there.file(SET) == made


REFUSED = [
    ({"metadata": {"namespace": "dev"}}, {}, "NamespaceNotAllowed",
     'metadata.namespace: an InfrastructureClaim lives in "platform-system", where only the platform\'s operators '
     "write: create it there", "a team would give itself a namespace"),
    ({}, {"namespaces": [SHOP, {"name": "argocd"}]}, "InvalidClaim",
     'spec.namespaces[1].name: "argocd" is a system namespace, and no claim\'s: choose another name', "ArgoCD's"),
    ({}, {"environment": "nowhere"}, "EnvironmentUnknown",
     'spec.environment: cluster type "nonprod" has no environment "nowhere"; it has: dev, qa, sandbox', "a slip"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "spec", "reason", "message", "why"), REFUSED, ids=[one[4] for one in REFUSED])
def test_refused(
    there: Platform, document: dict[str, Any], spec: dict[str, Any], reason: str, message: str, why: str
) -> None:
    """With the field and the mend; nothing is written."""
    head = there.head()
    metadata = CLAIM["metadata"] | document.get("metadata", {})
    live = there.apply(CLAIM | {"metadata": metadata}, **spec)
    assert ready(live) == ("False", reason, message), why
    assert condition(live, "Stalled")[0] == "True"
    assert there.head() == head


def test_namespaces_that_an_installation_keeps_to_itself(gitea_server: GiteaServer, tmp_path: Any) -> None:
    """An environment that is bound has those namespaces and no others."""
    settings = {"environment_namespaces": {"dev": frozenset({"dev"})}}
    there = Platform(gitea_server, tmp_path, settings=settings)
    there.bootstrap()
    assert ready(there.apply(CLAIM))[0] == "True", "the claim itself is where operators write"
    live = there.apply(CLAIM, namespaces=[SHOP, {"name": "dev"}])
    assert ready(live)[1:] == (
        "NamespaceNotAllowed",
        'spec.namespaces[0].name: environment "dev" is bound to dev: choose one of those, or have the binding changed',
    )
    there.gitea.close()


def test_a_second_claim_for_the_environment(there: Platform) -> None:
    there.apply(CLAIM)
    live = there.apply(named("second", namespaces=[SHOP]))
    assert ready(live)[1] == "EnvironmentConflict"
    assert namespaces(there) == ["dev"]


def test_a_claim_that_comes_before_its_platform_waits_for_it(platform: Platform) -> None:
    live = platform.apply(CLAIM)
    assert ready(live)[1] == "NotBootstrapped"
    platform.bootstrap()
    platform.reconciler("InfrastructureClaim").react(Event("woken", BOOTSTRAPPED))
    assert ready(platform.live(CLAIM))[0] == "True"


def test_the_platforms_own_word_wakes_the_namespaces_and_not_itself(there: Platform) -> None:
    """Both are in one process: it would answer itself for ever."""
    assert there.reconciler("BootstrapClaim").react(Event("woken", BOOTSTRAPPED)) is None


STRANGERS = [
    ("namespaces: []\n", "an emptied list"),
    ("namespaces: [{name: dev, access: [{role: admin, kind: User, name: eve}]}]\n", "access for somebody"),
    ("namespaces: [{name: dev}, {name: mine}]\n", "a namespace of a stranger's: no person is asked about it"),
    ("{{ not YAML", "what nobody can read"),
]


@pytest.mark.parametrize(("content", "why"), STRANGERS, ids=[one[1] for one in STRANGERS])
def test_a_hand_edit_is_undone_and_told(there: Platform, content: str, why: str) -> None:
    there.apply(CLAIM)
    before = there.file(VALUES)
    with there.repository(there.organization, "voltran").transaction() as git:
        git.commit({VALUES: content.encode()}, "A hand edit")
        git.push()
    edit = there.head()
    there.react(CLAIM)
    live = there.live(CLAIM)
    assert there.file(VALUES) == before, why
    assert ready(live)[0] == "True"
    (entry,) = live["status"]["history"]
    assert (entry["reason"], entry["commit"], entry["restored"]) == ("Drifted", edit, there.head())


def test_a_hand_edit_of_the_shared_set_is_undone_and_told(there: Platform) -> None:
    """By the first of the two that looks, once; a change that the neighbour made is no hand edit."""
    there.apply(CLAIM)
    there.apply(SERVICES)
    there.react(CLAIM)
    assert not there.live(CLAIM)["status"]["history"], "the set is another one since the services came"
    with there.repository(there.organization, "voltran").transaction() as git:
        git.commit({SET: b"kind: ApplicationSet\n"}, "A hand edit")
        git.push()
    there.react(CLAIM)
    assert [one["reason"] for one in there.live(CLAIM)["status"]["history"]] == ["Drifted"]
    there.react(SERVICES)
    assert not there.live(SERVICES)["status"]["history"]


def test_a_credential_in_an_annotation_stays_out_of_git(there: Platform) -> None:
    """The entry that is there stays; the message names the field and not what is in it."""
    there.apply(CLAIM)
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
    spaces = [CLAIM["spec"]["namespaces"][0] | {"annotations": {"example.com/token": token}}, SHOP]
    live = there.apply(CLAIM, namespaces=spaces)
    status, reason, message = ready(live)
    assert (status, reason) == ("False", "CredentialInValues")
    assert 'spec.namespaces[0].annotations["example.com/token"]: looks like a credential' in message
    assert token not in there.git("log", "-p", "main") + str(live["status"])
    assert namespaces(there) == ["dev", "shop"]


def test_the_platform_is_not_taken_from_under_its_namespaces(there: Platform) -> None:
    """The bootstrap function's other kind counts as the others do."""
    there.apply(CLAIM)
    there.delete(example("bootstrap-claim.yaml"))
    status, reason, message = ready(there.live(example("bootstrap-claim.yaml")))
    assert (status, reason) == ("False", "InUse")
    assert "InfrastructureClaim platform-system/dev-infrastructure" in message
