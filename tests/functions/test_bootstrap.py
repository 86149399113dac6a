"""The bootstrap function: everything is created once, and only what differs is ever written again."""

from pathlib import Path

import helm_python
import httpx
import pytest
from pydantic import SecretStr

from functions.bootstrap.desired import hook_fingerprint
from shared.claims import BootstrapClaim
from shared.errors import KubeConflict, TransientError
from shared.events import BOOTSTRAPPED
from shared.gitea import Gitea
from shared.kube.client import Document, Resource
from shared.secret import fixed
from tests.fakes import FakeKube
from tests.functions.gitea import GiteaServer
from tests.functions.platform import GITEA_URL, Platform, condition, example, ready


def test_second_event_changes_nothing(platform: Platform) -> None:
    """Replay twice: no commit, no push, no status write, no new object, no reply."""
    claim = platform.bootstrap()
    heads = {name: platform.head(name) for name in ("charts", "platform-charts", "voltran")}
    writes, pushed = len(platform.kube.status_writes), platform.metrics.commits._value.get()
    assert platform.react(claim) is None
    assert heads == {name: platform.head(name) for name in heads}
    assert (writes, pushed) == (len(platform.kube.status_writes), platform.metrics.commits._value.get())


def test_status_tells_what_was_made(platform: Platform) -> None:
    """Phase, repositories with heads, root apps, and what other claims are held against."""
    status = platform.bootstrap()["status"]
    assert status["phase"] == "Bootstrapped"
    assert {row["name"]: row["commit"] for row in status["repositories"]} == {
        name: platform.head(name) for name in ("charts", "platform-charts", "voltran")
    }
    assert status["rootApps"] == ["nonprod-apps", "nonprod-platform", "prod-apps", "prod-platform"]
    assert [cluster["type"] for cluster in status["clusters"]] == ["nonprod", "prod"]


def test_first_time_wakes_the_other_functions(platform: Platform) -> None:
    """The reply is a CloudEvent that the triggers of the other functions select."""
    put = platform.claim(example("bootstrap-claim.yaml"))
    reply = platform.react(put)
    assert reply is not None
    assert reply[0]["ce-type"] == BOOTSTRAPPED


class Contended(FakeKube):
    """An API server in which somebody else is faster, once `conflicts` is set."""

    conflicts = 0

    def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        if self.conflicts and self.reads % 2:  # the second read, when the head of Git is known
            self.conflicts -= 1
            raise KubeConflict("the object has been modified")
        return super().get(resource, namespace, name)


def test_a_repository_made_anew_is_told_though_the_write_was_interrupted(
    gitea_server: GiteaServer, tmp_path: Path
) -> None:
    """The second try finds the repository there, and the status says nothing new: only the first one knows of it."""
    kube = Contended()
    platform = Platform(gitea_server, tmp_path, kube=kube)
    claim = platform.bootstrap()
    repository = f"{gitea_server.endpoint}/api/v1/repos/{platform.organization}/voltran"
    httpx.delete(repository, auth=gitea_server.admin).raise_for_status()
    kube.reads, kube.conflicts = 0, 1
    reply = platform.react(claim)
    assert kube.conflicts == 0
    assert reply is not None
    assert reply[0]["ce-type"] == BOOTSTRAPPED
    platform.gitea.close()


def test_repositories_that_are_there_are_adopted(platform: Platform) -> None:
    """409 and 422 mean it is there: a second API server in front of the same Gitea changes nothing."""
    platform.bootstrap()
    heads = [platform.head(name) for name in ("charts", "platform-charts", "voltran")]
    platform.kube = FakeKube()
    status = platform.bootstrap()["status"]
    assert [row["commit"] for row in status["repositories"]] == heads
    assert status["commit"]["sha"] == heads[2], "a re-created claim names the commit that is there"


def test_embedded_charts_arrive_with_their_library(platform: Platform) -> None:
    """The pushed tree equals the folders, each with the library in it, under an immutable tag made from its content."""
    status = platform.bootstrap()["status"]
    root = Path(__file__).resolve().parents[2] / "charts"
    local = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}
    library = {path for path in local if path.startswith("library/")}
    charts = {path.partition("/")[0] for path in local - library}
    wanted = (local - library) | {f"{chart}/charts/{path}" for chart in charts for path in library}
    assert set(platform.tree("charts", status["charts"]["revision"])) == wanted
    pushed = platform.file("user-service/charts/library/Chart.yaml", "charts")
    assert pushed == (root / "library" / "Chart.yaml").read_text()


def test_a_clone_of_the_charts_renders_as_it_is(platform: Platform, tmp_path: Path) -> None:
    """No network and no dependency build: Helm finds the library where the push put it."""
    platform.bootstrap()
    files = platform.files("charts")
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    charts = sorted({path.partition("/")[0] for path in files})
    rendered = {}
    for chart in charts:
        with helm_python.Chart.load(tmp_path / chart) as loaded:
            rendered[chart] = "".join(loaded.render(name="dev-shop", namespace="dev").values())
    assert "library" not in charts
    assert [chart for chart, text in rendered.items() if 'name: "dev-shop"' not in text] == []


def test_a_newer_installation_moves_main_forward_and_an_older_one_leaves_it(platform: Platform, tmp_path: Path) -> None:
    """Only what differs is pushed; the old tag stays; the old installation does not take it back."""
    old = platform.bootstrap()
    chart = tmp_path / "charts" / "web"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n")
    platform.settings["charts_dir"] = tmp_path / "charts"
    platform.react(old)
    new = platform.live(old)
    assert new["status"]["charts"] != old["status"]["charts"]
    forward = platform.head("charts")
    assert "web/Chart.yaml" in platform.tree("charts")
    assert "user-service/Chart.yaml" in platform.tree("charts"), "what is no longer embedded is nobody's to remove"
    del platform.settings["charts_dir"]
    platform.react(new)
    assert forward == platform.head("charts")
    assert platform.live(old)["status"]["charts"] == old["status"]["charts"]


def test_a_new_environment_is_added_in_one_commit(platform: Platform) -> None:
    """An edit of the claim adds its folders and nothing else."""
    claim = platform.bootstrap()
    before = platform.tree()
    clusters = claim["spec"]["clusters"]
    clusters[0]["environments"].append("perf")
    platform.apply(claim, clusters=clusters)
    added = sorted(set(platform.tree()) - set(before))
    assert added == [f"environments/nonprod/perf/{folder}/.gitkeep" for folder in ("applications", "platform")]
    assert platform.git("rev-list", "--count", "main").strip() == "2"


def _hooks(server: GiteaServer, organization: str) -> list[str]:
    answer = httpx.get(f"{server.endpoint}/api/v1/orgs/{organization}/hooks", auth=server.admin).raise_for_status()
    return [hook["config"]["url"] for hook in answer.json()]


def test_webhook_is_registered_once_and_rotated_by_its_fingerprint(platform: Platform) -> None:
    """A new secret makes a new hook and removes the old; a foreign hook stays where it is."""
    claim = platform.bootstrap()
    foreign = {
        "type": "gitea",
        "active": True,
        "events": ["push"],
        "config": {"url": "http://127.0.0.1:8/x", "content_type": "json"},
    }
    url = f"{platform.server.endpoint}/api/v1/orgs/{platform.organization}/hooks"
    httpx.post(url, auth=platform.server.admin, json=foreign).raise_for_status()
    platform.react(claim)
    first = f"http://127.0.0.1:9/webhooks/gitea?fingerprint={hook_fingerprint(SecretStr('s3cret'))}"
    assert sorted(_hooks(platform.server, platform.organization)) == sorted([first, "http://127.0.0.1:8/x"])
    platform.settings["webhook_secret"] = SecretStr("another")
    platform.react(claim)
    second = f"http://127.0.0.1:9/webhooks/gitea?fingerprint={hook_fingerprint(SecretStr('another'))}"
    assert first != second
    assert sorted(_hooks(platform.server, platform.organization)) == sorted([second, "http://127.0.0.1:8/x"])


def test_without_argocd_the_claim_waits(gitea_server: GiteaServer, tmp_path: Path) -> None:
    """A missing kind is no fault of the claim's: it goes on when ArgoCD is installed."""
    platform = Platform(gitea_server, tmp_path, kube=FakeKube(kinds_missing=frozenset({"AppProject"})))
    status, reason, message = ready(platform.bootstrap())
    assert (status, reason) == ("False", "ArgoCDNotInstalled")
    assert message == (
        'ArgoCD is not there yet: namespace "argocd" or the kind AppProject is missing; '
        "this claim goes on by itself when ArgoCD is installed"
    )
    platform.gitea.close()


def test_only_served_cluster_types_are_written(platform: Platform) -> None:
    """Two clusters' installations share one voltran: each writes and deploys its own part."""
    platform.settings["cluster_types"] = ("prod",)
    status = platform.bootstrap()["status"]
    assert [cluster["type"] for cluster in status["clusters"]] == ["prod"]
    assert not [path for path in platform.tree() if "nonprod" in path]
    assert not [name for (_, namespace, name) in platform.kube.objects if namespace == "argocd" and "nonprod" in name]


BAD = [
    (
        {"metadata": {"name": "b", "namespace": "team-a"}},
        {},
        "NamespaceNotAllowed",
        'metadata.namespace: a BootstrapClaim lives in "platform-system", where only the platform\'s operators write: '
        "create it there",
        "whoever may write claims in a namespace of a team does not own the platform",
    ),
    (
        {},
        {"gitea": {"url": "http://evil.example.com:3000", "organization": "platform"}},
        "GiteaNotAllowed",
        f"spec.gitea.url: this installation works with {GITEA_URL} and gives its token to no other: name that address, "
        "or install InfraForge with another one",
        "our token would go to a stranger",
    ),
]


@pytest.mark.parametrize(("document", "spec", "reason", "message", "why"), BAD, ids=[case[2] for case in BAD])
def test_refused(platform: Platform, document: dict, spec: dict, reason: str, message: str, why: str) -> None:
    """A permanent fault is in the status, and nothing was asked of Gitea."""
    claim = example("bootstrap-claim.yaml") | document
    put = platform.claim(claim)
    put["spec"] |= spec
    assert platform.react(put) is None
    assert ready(platform.live(put)) == ("False", reason, message), why
    assert condition(platform.live(put), "Stalled")[0] == "True"
    assert platform.head() is None


def test_wrong_token(gitea_server: GiteaServer, tmp_path: Path) -> None:
    """A token that Gitea does not know is named by its setting, never by its value."""
    platform = Platform(
        gitea_server, tmp_path, settings={"token": SecretStr("0123456789012345678901234567890123456789")}
    )
    status, reason, message = ready(platform.bootstrap())
    assert (status, reason) == ("False", "TokenRefused")
    assert message.startswith("Gitea does not know our token: renew INFRAFORGE_GITEA_TOKEN, or what is in the file ")
    assert "0123456789" not in str(platform.kube.objects)
    platform.gitea.close()


def test_organization_that_is_not_ours_to_write(gitea_server: GiteaServer, tmp_path: Path) -> None:
    """An organization that a stranger's token may see or not, but not write."""
    auth, api = gitea_server.admin, f"{gitea_server.endpoint}/api/v1"
    user = {"username": "stranger", "password": "pass word 1", "email": "s@example.com", "must_change_password": False}
    httpx.post(f"{api}/admin/users", auth=auth, json=user).raise_for_status()
    scopes = ["write:organization", "write:repository", "read:user"]
    token = httpx.post(
        f"{api}/users/stranger/tokens", auth=("stranger", "pass word 1"), json={"name": "t", "scopes": scopes}
    ).raise_for_status()
    platform = Platform(gitea_server, tmp_path, settings={"token": SecretStr(token.json()["sha1"])})
    body = {"username": platform.organization, "visibility": "public"}
    httpx.post(f"{api}/orgs", auth=auth, json=body).raise_for_status()
    status, reason, message = ready(platform.bootstrap())
    assert (status, reason) == ("False", "OrganizationNotWritable")
    assert message == (
        f'our token may not create repositories in the organization "{platform.organization}": '
        "make its user an owner of the organization, and give it the scope write:organization "
        f"(Gitea refuses us at /orgs/{platform.organization}/repos: "
        f"Given user is not allowed to create repository in organization {platform.organization}.)"
    )
    platform.gitea.close()


def test_gitea_down_is_tried_again(platform: Platform) -> None:
    """The status says so, and the Broker is asked to come back."""
    put = platform.claim(example("bootstrap-claim.yaml"))
    platform.gitea.close()
    platform.gitea = Gitea("http://127.0.0.1:9", fixed(platform.server.token), timeout=10)
    with pytest.raises(TransientError):
        platform.react(put)
    assert ready(platform.live(put)) == ("False", "GiteaUnavailable", "Gitea does not answer: ConnectError")
    assert condition(platform.live(put), "Reconciling")[0] == "True"
    assert BootstrapClaim.model_validate(platform.live(put)).status.phase is None
    platform.gitea.close()
