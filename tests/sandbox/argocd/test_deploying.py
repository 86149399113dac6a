"""The stand-in at work where the recording is silent: order, refusals, healing, restarts, deletion."""

from pathlib import Path

import pytest

from sandbox.argocd.api import APPLICATION, NAMESPACE, PROJECT, Json, Kind
from tests.sandbox.argocd.manifests import WELL, config_map, manifests, value
from tests.sandbox.argocd.running import CONFIG_MAP, Servers, World, application, git, until, world
from tests.sandbox.argocd.running import NAMESPACE as ARGOCD
from tests.sandbox.timeline.forge import Forge


def test_plain_manifests_come_change_and_go(here: World) -> None:
    """A folder of manifests: applied, changed, pruned, and taken along when the Application goes."""
    here.forge.push("argo/manifests", manifests(config_map("one"), config_map("two")))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    assert here.application("plain")["status"]["sourceType"] == "Directory"
    here.forge.push("argo/manifests", manifests(config_map("one", "2")))
    here.refresh("plain")
    until(lambda: value(here, "one") == "2" and value(here, "two") is None)
    until(lambda: here.status("plain") == WELL)
    status = here.application("plain")["status"]
    assert [one["status"] for one in status["operationState"]["syncResult"]["resources"]] == ["Pruned", "Synced"]
    assert [entry["id"] for entry in status["history"]] == [0, 1]
    here.api.delete(APPLICATION, ARGOCD, "plain")
    until(lambda: not here.application("plain"))
    assert value(here, "one") is None


def _results(here: World, name: str) -> dict[str, tuple[str, str]]:
    """What the last operation did, by object; nothing while one begins."""
    operation = here.application(name)["status"].get("operationState") or {}
    resources = (operation.get("syncResult") or {}).get("resources") or []
    return {one["name"]: (one.get("status", ""), one.get("message", "")) for one in resources}


def test_what_is_not_to_be_pruned_or_deleted_stays(here: World) -> None:
    """The two options, as an annotation of the object."""
    kept = {"annotations": {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}}
    here.forge.push("argo/manifests", manifests(config_map("other"), config_map("kept", **kept)))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    here.forge.push("argo/manifests", manifests(config_map("other")))
    here.refresh("plain")
    skipped = ("PruneSkipped", "ignored (no prune)")
    until(lambda: _results(here, "plain").get("kept") == skipped)  # the operation before it had none
    assert here.status("plain")[0] == "OutOfSync"
    here.api.delete(APPLICATION, ARGOCD, "plain")
    until(lambda: not here.application("plain"))
    assert (value(here, "kept"), value(here, "other")) == ("1", None)


def test_waves_and_kinds_have_their_order(here: World) -> None:
    """Waves first, then Namespace before ConfigMap before everything that is not in ArgoCD's list."""
    wave = {"annotations": {"argocd.argoproj.io/sync-wave": "-1"}}
    role = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "z"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}}
    documents = (config_map("b"), role, namespace, config_map("a", namespace="fresh"), config_map("c", **wave))
    here.forge.push("argo/manifests", manifests(*documents))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    results = here.application("plain")["status"]["operationState"]["syncResult"]["resources"]
    assert [(one["kind"], one["name"]) for one in results] == [
        ("ConfigMap", "c"),
        ("Namespace", "fresh"),
        ("ServiceAccount", "z"),
        ("ConfigMap", "b"),
        ("ConfigMap", "a"),
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}},
            'The Kubernetes API could not find example.com/Thing for requested resource dev/x. Make sure the "Thing" '
            "CRD is installed on the destination cluster.",
        ),
        (
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}},
            "resource :Secret is not permitted in project closed",
        ),
    ],
)
def test_objects_that_cannot_be_are_refused_before_anything_is_applied(
    here: World, document: Json, message: str
) -> None:
    """A kind that the server does not know, and one that the project forbids."""
    spec = {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}],
    }
    metadata = {"name": "closed", "namespace": ARGOCD}
    here.api.create(
        PROJECT, {"apiVersion": PROJECT.api_version, "kind": "AppProject", "metadata": metadata, "spec": spec}
    )
    here.forge.push("argo/manifests", manifests(document, config_map("fine")))
    here.api.create(APPLICATION, application("bad", git("app"), project="closed"))
    until(lambda: "retryCount" in str(here.application("bad").get("status")))
    state = here.application("bad")["status"]["operationState"]
    assert state["message"].startswith("one or more synchronization tasks are not valid. Retrying attempt #1 at ")
    assert [one["message"] for one in state["syncResult"]["resources"]] == [message]
    assert value(here, "fine") is None


def test_an_object_that_somebody_else_made_is_adopted(here: World) -> None:
    """It is configured, and keeps what ArgoCD does not say."""
    other = config_map("one", "0", namespace="dev", labels={"theirs": "x"})
    here.api.create(CONFIG_MAP, other)
    here.forge.push("argo/manifests", manifests(config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    found = here.api.get(CONFIG_MAP, "dev", "one") or {}
    assert (found["data"]["value"], found["metadata"]["labels"]) == ("1", {"theirs": "x"})
    (result,) = here.application("plain")["status"]["operationState"]["syncResult"]["resources"]
    assert result["message"].startswith("configmap/one configured. Warning: resource configmaps/one is missing the")


def test_healing_has_pauses(here: World) -> None:
    """The first change by hand is undone at once; the next soon after it waits for its turn."""
    here.forge.push("argo/manifests", manifests(config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    for attempt in (1, 2):
        here.api.patch(CONFIG_MAP, "dev", "one", {"data": {"value": "mine"}})
        until(lambda: value(here, "one") == "1")
        until(lambda: here.status("plain") == WELL)
        operation = here.application("plain")["status"]["operationState"]["operation"]
        assert operation["sync"]["autoHealAttemptsCount"] == attempt
    assert value(here, "one") == "1"


def test_without_self_heal_a_change_by_hand_stays(here: World) -> None:
    """The Application says so, and a new revision puts it right."""
    here.forge.push("argo/manifests", manifests(config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app"), syncPolicy={"automated": {"prune": True}}))
    until(lambda: here.status("plain") == WELL)
    here.api.patch(CONFIG_MAP, "dev", "one", {"data": {"value": "mine"}})
    until(lambda: here.status("plain")[0] == "OutOfSync")
    until(lambda: here.argocd.idle)
    assert value(here, "one") == "mine"
    here.forge.push("argo/manifests", manifests(config_map("one", "2")))
    here.refresh("plain")
    until(lambda: value(here, "one") == "2")


def test_an_operation_that_a_person_asks_for_is_done(here: World) -> None:
    """Without automated sync nothing happens until `operation` is set."""
    here.forge.push("argo/manifests", manifests(config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app"), syncPolicy={}))
    until(lambda: here.status("plain")[0] == "OutOfSync")
    assert value(here, "one") is None
    here.api.patch(APPLICATION, ARGOCD, "plain", {"operation": {"initiatedBy": {"username": "me"}, "sync": {}}})
    until(lambda: here.status("plain") == WELL)
    assert value(here, "one") == "1"


def test_a_controller_that_was_restarted_goes_on(servers: Servers, forge: Forge, tmp_path: Path) -> None:
    """What became of things while it was away, it sees from what is there: nothing else is its memory."""
    forge.push("argo/manifests", manifests(config_map("one"), config_map("two")))
    with world(servers, tmp_path / "world", forge) as here:
        here.api.create(APPLICATION, application("plain", git("app")))
        until(lambda: here.status("plain") == WELL)
        here.argocd.stop()
        here.api.delete(CONFIG_MAP, "dev", "two")
        here.api.delete(APPLICATION, ARGOCD, "plain")
        with type(here.argocd)(here.argocd.settings):
            until(lambda: not here.application("plain"))
        assert value(here, "one") is None


def test_the_namespace_that_is_missing_is_made_on_wish(here: World) -> None:
    """`CreateNamespace=true`, and not for a project that does not allow it."""
    here.forge.push("argo/manifests", manifests(config_map("one")))
    policy = {"automated": {}, "syncOptions": ["CreateNamespace=true"], "retry": {"limit": 0}}
    where = {"server": "https://kubernetes.default.svc", "namespace": "fresh"}
    spec = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    project = {"apiVersion": PROJECT.api_version, "kind": "AppProject", "spec": spec}
    here.api.create(PROJECT, project | {"metadata": {"name": "closed", "namespace": ARGOCD}})
    here.api.create(APPLICATION, application("no", git("app"), project="closed", syncPolicy=policy, destination=where))
    until(lambda: here.status("no")[2] == "Failed")
    state = here.application("no")["status"]["operationState"]
    assert state["message"].endswith("reason: resource :Namespace is not permitted in project closed")
    assert here.api.get(NAMESPACE, "", "fresh") is None
    here.api.create(APPLICATION, application("yes", git("app"), syncPolicy=policy, destination=where))
    until(lambda: here.status("yes") == WELL)
    assert here.api.get(NAMESPACE, "", "fresh")


def test_a_spec_that_was_invalid_is_looked_at_when_it_is_mended(here: World) -> None:
    """Its own mending counts, and the project's."""
    here.forge.push("argo/manifests", manifests(config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app"), project="late"))
    until(lambda: here.status("plain")[:2] == ("Unknown", "Unknown"))
    (condition,) = here.application("plain")["status"]["conditions"]
    assert condition["message"] == "Application referencing project late which does not exist"
    metadata, spec = {"name": "late", "namespace": ARGOCD}, {"sourceRepos": ["*"], "destinations": []}
    project = {"apiVersion": PROJECT.api_version, "kind": "AppProject", "metadata": metadata, "spec": spec}
    here.api.create(PROJECT, project)
    until(lambda: "do not match any of the allowed" in here.application("plain")["status"]["conditions"][0]["message"])
    here.api.patch(APPLICATION, ARGOCD, "plain", {"spec": {"project": "default"}})
    until(lambda: here.status("plain") == WELL)
    assert "conditions" not in here.application("plain")["status"]


def test_a_kind_in_another_version_than_the_preferred_one_is_applied_as_it_is_written(here: World) -> None:
    """And one in a version that nobody serves is refused by name."""
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [
                {
                    "name": name,
                    "served": True,
                    "storage": name == "v2",
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
                for name in ("v1", "v2")
            ],
        },
    }
    here.api.create(Kind("apiextensions.k8s.io", "v1", "", "customresourcedefinitions", namespaced=False), definition)
    things = [
        {"apiVersion": f"example.com/{version}", "kind": "Thing", "metadata": {"name": version}}
        for version in ("v1", "v9")
    ]
    here.forge.push("argo/manifests", manifests(things[0]))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    found = here.api.get(Kind("example.com", "v2", "Thing", "things", namespaced=False), "", "v1") or {}
    tracked = found["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"]
    assert tracked == "plain:example.com/Thing:dev/v1"
    here.forge.push("argo/manifests", manifests(*things))
    here.refresh("plain")
    until(lambda: "retryCount" in str(here.application("plain")["status"]))
    results = here.application("plain")["status"]["operationState"]["syncResult"]["resources"]
    assert "could not find example.com/Thing for requested resource dev/v9" in results[0]["message"]
