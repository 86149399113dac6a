"""`infraforge release`, with a real API-server stand-in and nothing else."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import exits
from cli.cluster import Cluster, Reference, Refused
from cli.release import Held, Released, let_go, release
from tests.cli.api import CLEANUP, OTHER, Api, application, contexts, environment
from tests.cli.conftest import Infraforge
from tests.sandbox.apiserver.conftest import start

SPEC = environment() | {"applications": [application("shop")]}
SERVICES = environment() | {"services": [{"name": "postgres"}, {"name": "rabbitmq"}]}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    served = Api.start(tmp_path_factory.mktemp("apiserver"))
    yield served
    served.running.stop()


def test_a_namespace_is_deleted_with_every_function_stopped(api: Api, infraforge: Infraforge) -> None:
    """It hangs in Terminating, because nobody takes the finalizers off; then somebody does."""
    api.namespace("doomed")
    api.create("ApplicationClaim", "doomed", "apps", SPEC, CLEANUP)
    api.create("PlatformClaim", "doomed", "services", SERVICES, CLEANUP)
    living = api.create("ApplicationClaim", "dev", "living", environment("qa") | {"applications": []}, CLEANUP)
    api.ask("DELETE", "/api/v1/namespaces/doomed")
    assert api.ask("GET", "/api/v1/namespaces/doomed")["status"]["phase"] == "Terminating"
    done = api.run(infraforge, "release", "--all")
    assert (done.returncode, "add --yes" in done.stderr) == (exits.USAGE, True), "nobody can be asked"
    assert "ApplicationClaim/doomed/apps" in done.stderr
    assert "dev/living" not in done.stderr
    done = api.run(infraforge, "release", "--all", "--yes")
    assert done.returncode == exits.OK, done.stderr
    assert "ApplicationClaim/doomed/apps: released, and gone" in done.stdout
    assert api.ask("GET", "/api/v1/namespaces/doomed") is None
    assert api.get("ApplicationClaim", "dev", "living") == living, "nobody deletes it, so it is left alone"
    again = api.run(infraforge, "release", "--all", "--yes")
    assert (again.returncode, "nothing to release" in again.stdout) == (exits.OK, True)
    api.run(infraforge, "release", "appclaim/dev/living")
    api.delete("ApplicationClaim", "dev", "living")


def test_one_namespace_and_no_other(api: Api, infraforge: Infraforge) -> None:
    for name in ("first", "second"):
        api.namespace(name)
        api.create("ApplicationClaim", name, "apps", environment(name) | {"applications": []}, CLEANUP)
        api.delete("ApplicationClaim", name, "apps")
    assert len(api.json(infraforge, "release", "--all", "-n", "first", "--yes")["claims"]) == 1
    assert api.get("ApplicationClaim", "first", "apps") is None
    assert len(api.json(infraforge, "release", "--all", "--yes")["claims"]) == 1
    assert api.get("ApplicationClaim", "second", "apps") is None


def test_before_uninstalling_even_what_nobody_deletes(api: Api, infraforge: Infraforge) -> None:
    api.create("ApplicationClaim", "dev", "living", SPEC, CLEANUP, OTHER)
    done = api.run(infraforge, "release", "--all", "--any", "--yes")
    assert "nobody deletes it, and a function that runs will hold it again" in done.stdout
    assert api.get("ApplicationClaim", "dev", "living")["metadata"]["finalizers"] == [OTHER]
    api.kubectl("patch", "appclaim/living", "-n", "dev", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    api.delete("ApplicationClaim", "dev", "living")


def test_the_finalizers_of_others_stay_and_are_named(api: Api, infraforge: Infraforge) -> None:
    api.create("ApplicationClaim", "dev", "apps", SPEC, OTHER, CLEANUP)
    api.delete("ApplicationClaim", "dev", "apps")
    done = api.run(infraforge, "release", "ApplicationClaim/apps", "-n", "dev")
    assert f"released; still held by {OTHER}" in done.stdout
    (again,) = api.json(infraforge, "release", "appclaim/dev/apps")["claims"]
    assert (again["outcome"], again["otherFinalizers"], again["deleting"]) == ("unchanged", [OTHER], True)
    api.kubectl("patch", "appclaim/apps", "-n", "dev", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert api.get("ApplicationClaim", "dev", "apps") is None


def test_what_stays_behind_is_said_in_a_line_each(api: Api, infraforge: Infraforge) -> None:
    api.create("PlatformClaim", "dev", "services", SERVICES, CLEANUP)
    api.set_status("PlatformClaim", "dev", "services", {"commit": {"sha": "1a2b3c4d"}})
    api.delete("PlatformClaim", "dev", "services")
    _, git, workloads = api.run(infraforge, "release", "platclaim/dev/services").stdout.splitlines()
    assert git.startswith(
        "  stays in Git (voltran): environments/nonprod/dev/platform/postgres, "
        "environments/nonprod/dev/platform/rabbitmq, appsets/nonprod/platform/dev-platform-appset.yaml; remove it"
    )
    assert workloads.startswith("  goes on running: the services of dev in namespace dev, with their volumes; delete")


@pytest.mark.parametrize(
    "kind",
    [
        "appclaim",
        "ApplicationClaim",
        "applicationclaim",
        "applicationclaims",
        "applicationclaim.platform.infraforge.io",
    ],
)
def test_a_kind_has_every_name_that_kubectl_knows(api: Api, infraforge: Infraforge, kind: str) -> None:
    api.create("ApplicationClaim", "dev", "apps", SPEC, CLEANUP)
    api.delete("ApplicationClaim", "dev", "apps")
    assert api.run(infraforge, "release", f"{kind}/dev/apps").returncode == exits.OK
    assert api.get("ApplicationClaim", "dev", "apps") is None


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["appclaim/dev/absent"], exits.FAILED, "there is no ApplicationClaim dev/absent: `kubectl get infraforge -A`"),
        (["configmap/dev/x"], exits.USAGE, 'there is no kind of claim "configmap": there are ApplicationClaim, Boot'),
        (["apps"], exits.USAGE, '"apps" does not name a claim: write KIND/NAMESPACE/NAME'),
        (["appclaim/dev/x/y"], exits.USAGE, "does not name a claim"),
        (["appclaim/dev/apps", "-n", "qa"], exits.USAGE, "and -n another: leave one of them out"),
        (["appclaim/dev/..%2f..", "-n", "dev"], exits.FAILED, "there is no"),
        ([], exits.USAGE, "name claims, or --all"),
        (["--all", "appclaim/dev/apps"], exits.USAGE, "name claims, or --all"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said(
    api: Api, infraforge: Infraforge, arguments: list[str], code: int, message: str
) -> None:
    done = api.run(infraforge, "release", *arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_a_cluster_without_our_kinds_is_said(infraforge: Infraforge, tmp_path: Path) -> None:
    bare = start(tmp_path / "bare")
    try:
        done = infraforge("release", "--all", "--yes", "--kubeconfig", str(bare.kubeconfig))
    finally:
        bare.stop()
    assert (done.returncode, "CRDs are not installed there" in done.stderr) == (exits.FAILED, True)


def documented() -> list[str]:
    """The kubectl lines of the help."""
    return re.findall(r"^ +(kubectl patch .*?')$", release.__doc__ or "", flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("line", "left"), list(zip(documented(), ([], [OTHER]), strict=True)), ids=["all", "ours"])
def test_the_documented_kubectl_does_the_same(api: Api, line: str, left: list[str]) -> None:
    api.create("ApplicationClaim", "dev", "dev-apps", SPEC, CLEANUP, OTHER)
    done = api.kubectl(*shlex.split(line)[1:])
    assert done.returncode == 0, done.stderr
    claim = api.get("ApplicationClaim", "dev", "dev-apps")
    assert claim["metadata"].get("finalizers", []) == left
    api.kubectl("patch", "appclaim/dev-apps", "-n", "dev", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    api.delete("ApplicationClaim", "dev", "dev-apps")


class Busy:
    """A cluster in which somebody else changes the claim between our look and our patch, so many times."""

    def __init__(self, times: int, *, gone: bool = False) -> None:
        self.times = times
        self.gone = gone
        self.patches: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(404, json={}) if self.gone else httpx.Response(200, json=self.claim)
        self.patches.append(json.loads(request.content))
        if len(self.patches) <= self.times:
            return httpx.Response(409, json={"message": "the object has been modified"})
        return httpx.Response(200, json={})

    @property
    def claim(self) -> dict[str, Any]:
        metadata = {
            "name": "apps",
            "namespace": "dev",
            "resourceVersion": str(len(self.patches)),
            "finalizers": [CLEANUP],
        }
        return {"metadata": metadata, "spec": SPEC}

    def released(self) -> Released:
        http = httpx.Client(base_url="https://cluster.test", transport=httpx.MockTransport(self))
        reference = Reference("ApplicationClaim", "applicationclaim", "dev", "apps", "/apis/x")
        return let_go(Cluster(http), Held(reference, self.claim))


def test_a_claim_that_changes_meanwhile_is_read_again() -> None:
    """A status written at the same moment must not keep it, nor be undone."""
    busy = Busy(2)
    assert busy.released().outcome == "released"
    versions = [one["metadata"]["resourceVersion"] for one in busy.patches]
    assert versions == ["0", "1", "2"], "each patch holds for what was read, and for nothing else"


def test_one_that_goes_meanwhile_is_released() -> None:
    assert Busy(9, gone=True).released().outcome == "released"


def test_one_that_changes_all_the_time_is_given_up() -> None:
    with pytest.raises(Refused, match="try again"):
        Busy(99).released()


def test_a_context_is_chosen(api: Api, infraforge: Infraforge, tmp_path: Path) -> None:
    """As every command has it: the context's cluster, whatever is current."""
    api.create("ApplicationClaim", "dev", "chosen", environment("sandbox") | {"applications": []}, CLEANUP)
    file = tmp_path / "config"
    file.write_text(contexts(api, "here"))
    given = ("release", "appclaim/dev/chosen", "--kubeconfig", str(file), "--context")
    assert infraforge(*given, "there").returncode == exits.FAILED
    assert api.get("ApplicationClaim", "dev", "chosen")["metadata"]["finalizers"] == [CLEANUP]
    assert infraforge(*given, "here").returncode == exits.OK
    assert "finalizers" not in api.get("ApplicationClaim", "dev", "chosen")["metadata"]
    api.delete("ApplicationClaim", "dev", "chosen")
