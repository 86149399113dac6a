"""InfrastructureClaims: one file for all namespaces, and whose a namespace is."""

from typing import Any

import pytest

from shared.claims.meta import FINALIZER
from shared.events import BOOTSTRAPPED, PING, Event
from tests.functions.gitea import GiteaServer
from tests.functions.infrastructure import CLAIM, FOLDER, SET, SHOP, VALUES, confirm, named, namespaces, rows
from tests.functions.platform import Platform, condition, example, ready


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
