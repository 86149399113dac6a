"""A claim's way to Git, as its author sees it."""

from pathlib import Path
from typing import Any

import httpx

from cli.voltran import Voltran
from tests.e2e.command import DEPLOYMENTS, Infraforge, kubectl

DEV = DEPLOYMENTS / "dev" / "dev-apps-claim.yaml"


def voltran(sandbox: Any) -> Voltran:
    gitea = sandbox["gitea"]
    return Voltran.read(gitea["url"], gitea["organization"], gitea["token"])


def test_every_example_is_in_git(infraforge: Infraforge, platform: Any) -> None:
    """Claims that come before their platform included: they are all applied at once."""
    again = infraforge.json("apply", "-f", str(DEPLOYMENTS), "--wait")["applied"]
    assert len(again) == len(list(DEPLOYMENTS.rglob("*.yaml")))
    repository = voltran(platform)
    shas = {commit.sha for commit in repository.commits}
    assert all(claim["commit"]["sha"] in shas for claim in again)
    assert {
        "environments/nonprod/dev/applications/ecommerce-platform/values.yaml",
        "environments/nonprod/dev/applications/user-service/values.yaml",
        "environments/nonprod/dev/platform/postgres/values.yaml",
        "environments/prod/prod/applications/ecommerce-platform/values.yaml",
        "appsets/nonprod/apps/dev-appset.yaml",
        "appsets/prod/platform/prod-platform-appset.yaml",
        "root-apps/nonprod/apps-rootapp.yaml",
        "root-apps/prod/platform-rootapp.yaml",
    } <= set(repository.files)


def test_applied_again_nothing_happens(infraforge: Infraforge, platform: Any) -> None:
    before = voltran(platform).commits
    again = infraforge.json("apply", "-f", str(DEPLOYMENTS), "--wait")["applied"]
    assert {one["outcome"] for one in again} == {"unchanged"}
    assert voltran(platform).commits == before


def test_an_edit_is_exactly_one_commit(infraforge: Infraforge, platform: Any) -> None:
    before = voltran(platform).commits
    text = DEV.read_text().replace("replicas: 2", "replicas: 3")
    (edited,) = infraforge.json("apply", "-f", "-", "--wait", stdin=text)["applied"]
    after = voltran(platform).commits
    assert edited["outcome"] == "configured"
    assert edited["ready"]
    assert after[1:] == before
    assert edited["commit"]["sha"] == after[0].sha


def test_kubectl_shows_the_claims_columns(platform: Any) -> None:
    done = kubectl(platform, "get", "infraforge", "--all-namespaces")
    assert done.returncode == 0, done.stderr
    assert "READY" in done.stdout
    assert "dev-apps" in done.stdout
    done = kubectl(platform, "wait", "--for=condition=Ready", "appclaim/dev-apps", "-n", "dev", "--timeout=30s")
    assert done.returncode == 0, done.stderr


def test_kubectl_shows_what_argocd_would_get(platform: Any) -> None:
    done = kubectl(platform, "get", "app,appproj", "--namespace", "argocd", "--output", "name")
    assert done.returncode == 0, done.stderr
    assert "application.argoproj.io/nonprod-apps" in done.stdout
    assert "appproject.argoproj.io/" in done.stdout


def test_a_misspelt_field_is_named_and_the_others_are_applied(
    infraforge: Infraforge, platform: Any, tmp_path: Path
) -> None:
    good = DEV.read_text()
    bad = good.replace("name: dev-apps", "name: misspelt").replace("clusterType:", "clusterTyp:")
    (tmp_path / "claims.yaml").write_text(f"{bad}\n---\n{good}")
    answer = infraforge.json("apply", "-f", str(tmp_path / "claims.yaml"), code=1)
    (refused,) = answer["refused"]
    assert "clusterTyp" in refused
    assert refused.startswith(f"{tmp_path}/claims.yaml, document 1: ")
    assert [one["name"] for one in answer["applied"]] == ["dev-apps"]


def test_no_event_is_left_over(infraforge: Infraforge, platform: Any) -> None:
    """Everything above was delivered: there is no dead letter."""
    assert infraforge.json("events list")["items"] == []


def test_each_part_can_be_somebody_elses(platform: Any, tmp_path: Path) -> None:
    """A second sandbox with the first one's cluster, Gitea and registry: its own are the broker and the functions."""
    (tmp_path / "token").write_text(platform["gitea"]["token"])
    parts = ["--kubeconfig", platform["kubeconfig"], "--gitea-url", platform["gitea"]["url"]]
    parts += ["--registry", platform["registry"]["url"], "--event-source", "external"]
    other = Infraforge(tmp_path / "other")
    try:
        described = other.json("up", "--detach", *parts, "--gitea-token-file", str(tmp_path / "token"))
        states = {one["name"]: one["state"] for one in described["components"]}
        external = {name for name, state in states.items() if state == "external"}
        assert (described["state"], external) == ("running", {"apiserver", "argocd", "gitea", "registry", "source"})
        assert {part: described[part] for part in ("kubeconfig", "registry")} == {
            part: platform[part] for part in ("kubeconfig", "registry")
        }
        assert described["gitea"] == platform["gitea"] | {"user": None, "password": None}, (
            "people are another's to name"
        )
        for function in described["functions"].values():
            assert httpx.get(f"{function['url']}/readyz").text == "kubernetes: ok\ngitea: ok\nrender gate: on\n"
        other.run("down")
        assert other.run("up", "--detach", *parts).returncode == 0, "the token was kept"
        other.run("down")
        elsewhere = other.run("up", "--detach", "--gitea-url", "https://gitea.example.com")
        assert (elsewhere.returncode, "needs a token" in elsewhere.stderr) == (2, True), "and is for that Gitea only"
    finally:
        other.run("down")


def test_logs_hold_no_credential(platform: Any) -> None:
    data = Path(platform["dataDir"])
    secrets = [file.read_text().strip() for file in (data / "credentials").iterdir()]
    logged = "".join(file.read_text(errors="replace") for file in (data / "logs").iterdir())
    assert secrets
    assert not [secret for secret in secrets if secret in logged]
