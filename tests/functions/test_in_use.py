"""The platform is not taken away under anybody's feet, and what nobody claims goes only by name."""

from pathlib import Path
from typing import Any

import pytest

from shared.claims.meta import FINALIZER
from shared.errors import KubeUnavailable, TransientError
from shared.events import PING, Event
from shared.kube.client import Resource
from tests.fakes import FakeKube
from tests.functions.gitea import GiteaServer
from tests.functions.platform import Platform, condition, example, ready

CLAIM = example("bootstrap-claim.yaml")
APPS = example("dev/dev-apps-claim.yaml")
SERVICES = example("dev/dev-platform-claim.yaml")
DEV = "environments/nonprod/dev"


def without(*environments: str) -> list[dict[str, Any]]:
    """The platform's clusters but for some environments."""
    clusters = example("bootstrap-claim.yaml")["spec"]["clusters"]
    return [one | {"environments": [name for name in one["environments"] if name not in environments]}
            for one in clusters]  # fmt: skip


def resync(platform: Platform) -> None:
    platform.reconciler("BootstrapClaim").react(Event("ping", PING))


def gone(platform: Platform, claim: dict[str, Any]) -> None:
    """Without a trace, as from an API server that was restored."""
    metadata = claim["metadata"]
    plural = "applicationclaims" if claim["kind"] == "ApplicationClaim" else "platformclaims"
    platform.kube.objects.pop((plural, metadata["namespace"], metadata["name"]))


def users(claim: dict[str, Any]) -> str:
    return f"{claim['kind']} {claim['metadata']['namespace']}/{claim['metadata']['name']}"


def test_a_platform_in_use_is_not_deleted(there: Platform) -> None:
    """It says who is in the way, and goes when they are gone; repositories and their other content stay."""
    there.apply(APPS)
    head = there.head()
    there.delete(CLAIM)
    status, reason, message = ready(there.live(CLAIM))
    assert (status, reason) == ("False", "InUse")
    assert users(APPS) in message
    assert "infraforge release BootstrapClaim/platform-system/platform-bootstrap" in message
    assert there.live(CLAIM)["metadata"]["finalizers"] == [FINALIZER]
    assert there.head() == head
    there.delete(APPS)
    there.annotate(APPS, confirm_removal=there.live(APPS)["status"]["confirmation"])
    there.react(APPS)
    assert not there.exists(APPS)
    resync(there)
    assert not there.exists(CLAIM)
    assert there.tree() == []
    assert there.head("charts") and there.head("platform-charts")
    assert not [key for key in there.kube.objects if key[0] == "applications"], "no root Application is left"


class Refusing(FakeKube):
    """Is down when it is asked to delete a root Application for the first time."""

    is_down = True

    def delete(self, resource: Resource, namespace: str, name: str, *, orphans: bool = False) -> None:
        if resource.plural == "applications" and self.is_down:
            self.is_down = False
            raise KubeUnavailable("down")
        super().delete(resource, namespace, name, orphans=orphans)


def test_a_platform_goes_before_its_claim(gitea_server: GiteaServer, tmp_path: Path) -> None:
    """While a root Application is left, the claim is there to be tried again."""
    platform = Platform(gitea_server, tmp_path, kube=Refusing())
    platform.bootstrap()
    with pytest.raises(TransientError):
        platform.delete(CLAIM)
    assert platform.live(CLAIM)["metadata"]["finalizers"] == [FINALIZER]
    platform.react(CLAIM)
    assert not platform.exists(CLAIM)
    assert not [key for key in platform.kube.objects if key[0] == "applications"]
    platform.gitea.close()


def test_an_environment_in_use_is_not_dropped(there: Platform) -> None:
    """It stays whole while the rest of the edit is made, and goes when nobody uses it any more."""
    there.apply(APPS)
    clusters = without("dev", "qa")
    live = there.apply(CLAIM, clusters=clusters)
    status, reason, message = ready(live)
    assert (status, reason) == ("False", "InUse")
    assert f"nonprod/dev ({users(APPS)})" in message
    assert f"{DEV}/platform/.gitkeep" in there.tree()
    assert not [path for path in there.tree() if path.startswith("environments/nonprod/qa")], "nobody used that one"
    assert ready(there.live(APPS))[0] == "True"
    there.react(APPS)
    assert ready(there.live(APPS))[0] == "True", "its claim goes on working"
    gone(there, APPS)
    resync(there)
    assert ready(there.live(CLAIM))[:2] == ("True", "Bootstrapped")
    assert condition(there.live(CLAIM), "OrphanedEnvironments")[0] == "True", "its files are nobody's now"
    assert f"{DEV}/applications/user-service/values.yaml" in there.tree()


def test_an_environment_that_comes_back_ends_it(there: Platform) -> None:
    there.apply(APPS)
    before = there.files()
    there.apply(CLAIM, clusters=without("dev"))
    live = there.apply(CLAIM)
    assert ready(live)[0] == "True"
    assert there.files() == before


def test_orphans_are_told_and_stay(there: Platform) -> None:
    there.apply(APPS)
    there.apply(SERVICES)
    before = there.files()
    for claim in (APPS, SERVICES):
        gone(there, claim)
    for _ in range(3):
        resync(there)
    live = there.live(CLAIM)
    status, reason, message = condition(live, "OrphanedEnvironments")
    assert (status, reason) == ("True", "NobodyClaimsThem")
    assert message.startswith("nonprod/dev have files in voltran that no claim stands for: ")
    assert "platform.infraforge.io/remove-environments" in message
    assert live["status"]["orphanedEnvironments"] == ["nonprod/dev"]
    assert ready(live)[0] == "True", "the platform itself is in order"
    assert there.files() == before
    there.apply(APPS)
    there.apply(SERVICES)
    resync(there)
    assert there.files() == before
    assert not [one for one in there.live(CLAIM)["status"]["conditions"] if one["type"] == "OrphanedEnvironments"]


def test_orphans_go_by_name_once(there: Platform) -> None:
    """Exactly the named ones, in one commit; the wish is withdrawn, or it would remove what comes later."""
    there.apply(APPS)
    there.apply(SERVICES)
    there.apply(APPS | {"metadata": {"name": "qa-apps", "namespace": "qa"}}, environment="qa")
    for claim in (APPS, SERVICES, APPS | {"metadata": {"name": "qa-apps", "namespace": "qa"}}):
        gone(there, claim)
    resync(there)
    before = there.files()
    there.annotate(CLAIM, remove_environments="nonprod/dev, nonprod/nowhere")
    there.react(CLAIM)
    removed = before.keys() - there.files().keys()
    assert there.changes() == dict.fromkeys(removed, "D")
    assert removed == {path for path in before if (path.startswith(DEV) or "/dev-" in path) and ".gitkeep" not in path}
    live = there.live(CLAIM)
    assert "platform.infraforge.io/remove-environments" not in live["metadata"].get("annotations", {})
    assert live["status"]["orphanedEnvironments"] == ["nonprod/qa"]
    wish = "as the annotation platform.infraforge.io/remove-environments wished: "
    assert ("EnvironmentsRemoved", f"{wish}removed nonprod/dev") in there.told(CLAIM)
    there.apply(APPS)
    resync(there)
    assert f"{DEV}/applications/user-service/values.yaml" in there.tree(), "who comes later is safe"


def test_a_wish_cannot_remove_what_is_claimed(there: Platform) -> None:
    there.apply(APPS)
    before = there.files()
    there.annotate(CLAIM, remove_environments="nonprod/dev,prod/prod")
    there.react(CLAIM)
    assert there.files() == before
    assert "platform.infraforge.io/remove-environments" not in there.live(CLAIM)["metadata"].get("annotations", {})
    gone(there, APPS)
    left = there.files()
    resync(there)
    assert there.files() == left, "a wish that came too early does not wait for its time"


def test_another_installations_part_outlives_a_change_of_types(there: Platform) -> None:
    """Restricted to `prod` after it had served everything: `nonprod` is somebody else's now, and no dropped type."""
    before = there.files()
    there.settings["cluster_types"] = ("prod",)
    resync(there)
    assert there.files() == before
    there.delete(CLAIM)
    assert not there.exists(CLAIM)
    assert sorted(there.tree()) == sorted(path for path in before if "nonprod" in path)
