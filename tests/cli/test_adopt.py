"""`infraforge adopt`, with real stand-ins of the Kubernetes API and of Gitea, real Git, and kubectl."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import exits
from functions.application import desired
from shared.claims import ApplicationClaim
from shared.git.message import Record, compose
from tests.cli.api import Api, application, environment
from tests.cli.conftest import Infraforge
from tests.sandbox.gitea.server import ADMIN, PASSWORD, Server, serving

FOLDER = "environments/nonprod/dev/applications"
SHOP = f"{FOLDER}/shop/values.yaml"
SPEC = environment() | {"applications": [application("cart"), application("shop", values={"replicas": 2})]}
PATCH = [
    {"op": "test", "path": "/spec/applications/1/name", "value": "shop"},
    {"op": "replace", "path": "/spec/applications/1/values/replicas", "value": 5},
]


@dataclass
class Place:
    """A claim in a cluster, its files in a Gitea, and a person with a clone of them."""

    api: Api
    gitea: Server
    clone: Path
    token_file: Path
    infraforge: Infraforge

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
        environment_ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.clone, env=environment_, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, files: dict[str, bytes | None], message: str = "edit") -> str:
        """Write, commit and push; the commit's hash."""
        for name, content in files.items():
            path = self.clone / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        self.git("push", "--quiet", "--force", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def edit(self, before: str, after: str, message: str = "edit") -> str:
        content = (self.clone / SHOP).read_text()
        assert before in content
        return self.commit({SHOP: content.replace(before, after).encode()}, message)

    def status(self, **status: Any) -> None:
        self.api.set_status("ApplicationClaim", "dev", "apps", status)

    def drifted(self, commit: str) -> None:
        entry = {"time": "2026-01-01T00:00:00Z", "reason": "Drifted", "message": "restored", "commit": commit}
        self.status(history=[entry])

    def adopt(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        gitea = ("--gitea-url", self.gitea.url, "--gitea-token-file", str(self.token_file))
        return self.api.run(self.infraforge, "adopt", "appclaim/dev/apps", *gitea, *arguments)

    def patch(self, *arguments: str) -> Any:
        done = self.adopt(*arguments)
        assert done.returncode == exits.OK, done.stderr
        return json.loads(done.stdout)


def written(generation: int = 1) -> tuple[dict[str, bytes | None], str]:
    """What InfraForge writes for the claim, and its commit's message."""
    claim = ApplicationClaim.model_validate(
        {"apiVersion": "platform.infraforge.io/v1alpha1", "kind": "ApplicationClaim"}
        | {"metadata": {"name": "apps", "namespace": "dev"}, "spec": SPEC}
    )
    files = {f"{FOLDER}/{one.name}/values.yaml": desired.values(one, None) for one in claim.spec.applications}
    record = Record("dev: write", "ApplicationClaim", "dev", "apps", "uid", generation, "event", SPEC)
    return {**files, f"{FOLDER}/.gitkeep": b"", "appsets/nonprod/apps/dev-appset.yaml": b"a: 1\n"}, compose(record)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    served = Api.start(tmp_path_factory.mktemp("apiserver"))
    yield served
    served.running.stop()


@pytest.fixture(scope="module")
def gitea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("gitea")) as server:
        server.made("POST", "/orgs", {"username": "platform", "visibility": "private"})
        yield server


@pytest.fixture
def place(api: Api, gitea: Server, tmp_path: Path, infraforge: Infraforge) -> Iterator[Place]:
    """A claim that is in Git as InfraForge wrote it."""
    gitea.made("POST", "/orgs/platform/repos", {"name": "voltran", "private": True, "default_branch": "main"})
    api.create("ApplicationClaim", "dev", "apps", SPEC)
    token_file = tmp_path / "token"
    token_file.write_text(gitea.token(f"adopt-{tmp_path.name}") + "\n")
    clone = tmp_path / "clone"
    clone.mkdir()
    made = Place(api, gitea, clone, token_file, infraforge)
    made.git("init", "--quiet", "--initial-branch=main")
    login = f"{ADMIN}:{PASSWORD.replace(' ', '%20')}"
    made.git("remote", "add", "origin", f"{gitea.url.replace('://', f'://{login}@')}/platform/voltran.git")
    made.commit(*written())
    yield made
    api.delete("ApplicationClaim", "dev", "apps")
    gitea.made("DELETE", "/repos/platform/voltran")


def test_what_is_on_main_is_adopted(place: Place) -> None:
    """Nobody has restored it yet: every function is stopped."""
    sha = place.edit("replicas: 2", "replicas: 5")
    done = place.adopt()
    assert json.loads(done.stdout) == PATCH
    assert f"{sha[:12]} by Ann <ann@example.com>, compared with" in done.stderr
    assert place.gitea.url not in done.stdout


def test_a_clone_on_disk_will_do(place: Place) -> None:
    place.edit("replicas: 2", "replicas: 5")
    done = place.api.run(place.infraforge, "adopt", "appclaim/dev/apps", "--voltran", str(place.clone))
    assert done.returncode == exits.OK, done.stderr
    assert json.loads(done.stdout) == PATCH


def test_what_was_restored_is_adopted_by_the_claims_history(place: Place) -> None:
    sha = place.edit("replicas: 2", "replicas: 5")
    place.commit(*written(2))
    assert place.adopt().returncode == exits.FAILED, "the head of main is what the claim says"
    place.drifted(sha)
    assert place.patch() == PATCH
    other = place.edit("tag: v1.0.0", "tag: v2")
    assert place.patch("--commit", other[:10])[-1] == {
        "op": "replace",
        "path": "/spec/applications/1/image/tag",
        "value": "v2",
    }


def test_what_is_not_restored_yet_goes_before_an_older_drift(place: Place) -> None:
    """A real Gitea tells of a push four seconds later; until then the status names the edit before it."""
    old = place.edit("replicas: 2", "replicas: 7")
    place.commit(*written(2))
    place.drifted(old)
    new = place.edit("replicas: 2", "replicas: 5")
    done = place.adopt()
    assert json.loads(done.stdout) == PATCH
    assert f"{new[:12]} by Ann" in done.stderr
    place.commit(*written(3))
    assert place.patch()[-1]["value"] == 7, "restored, and the status does not say so yet"
    place.drifted(new)
    assert place.patch() == PATCH


def test_a_commit_that_a_forced_push_took_off_main_is_still_found(place: Place) -> None:
    before = place.git("rev-parse", "HEAD")
    sha = place.edit("replicas: 2", "replicas: 5")
    place.git("reset", "--quiet", "--hard", before)
    place.commit({"environments/other": b""})
    place.drifted(sha)
    assert place.patch() == PATCH


def test_a_copy_of_our_trailers_is_no_alibi(place: Place) -> None:
    """Whoever picks or amends one of our commits copies them."""
    sha = place.edit("replicas: 2", "replicas: 5", written()[1])
    place.drifted(sha)
    assert place.patch() == PATCH


def test_a_rewritten_history_is_compared_with_the_claims_own_commit(place: Place) -> None:
    own = place.git("rev-parse", "HEAD")
    place.git("branch", "keep")
    place.git("push", "--quiet", "origin", "keep")
    place.git("checkout", "--quiet", "--orphan", "rewritten")
    place.edit("replicas: 2", "replicas: 5", "all new")
    assert "no commit before" in place.adopt().stderr
    place.status(commit={"sha": own})
    assert place.patch() == PATCH


def test_the_command_line_does_it(place: Place) -> None:
    """Printed, run by a shell, and the claim generates the hand-edited file."""
    place.edit("replicas: 2", 'replicas: 5\nnote: it\'s "quoted" $HOME')
    shown = place.adopt("--output", "command").stdout
    assert shown.startswith("kubectl patch applicationclaim.platform.infraforge.io/apps -n dev --type=json -p ")
    kubectl = place.api.kubectl(*_words(shown)[1:])
    assert kubectl.returncode == 0, kubectl.stderr
    spec = place.api.get("ApplicationClaim", "dev", "apps")["spec"]
    assert spec["applications"][1]["values"] == {"replicas": 5, "note": 'it\'s "quoted" $HOME'}


def _words(line: str) -> list[str]:
    """As a real shell splits it."""
    script = f"set -- {line.strip()}; printf '%s\\0' \"$@\""
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\0").split("\0")


def test_yaml_says_the_same(place: Place) -> None:
    place.edit("replicas: 2", "replicas: 5")
    assert yaml.safe_load(place.adopt("-o", "yaml").stdout) == PATCH


def test_what_no_claim_can_produce_fails_only_alone(place: Place) -> None:
    place.commit({"appsets/nonprod/apps/dev-appset.yaml": b"a: 2\n"})
    done = place.adopt()
    assert (done.returncode, done.stdout) == (exits.FAILED, "")
    assert "no claim can produce it: appsets/nonprod/apps/dev-appset.yaml" in done.stderr
    place.edit("replicas: 2", "replicas: 5 # enough")
    assert place.patch() == PATCH
    assert "its comments, layout and order of keys are not kept" in place.adopt().stderr


def test_what_came_and_went(place: Place) -> None:
    place.commit({SHOP: None, f"{FOLDER}/docs/values.yaml": b"image: {repository: nginx, tag: '1.27'}\n"})
    done = place.adopt()
    operations = [(one["op"], one["path"]) for one in json.loads(done.stdout)]
    assert operations == [
        ("test", "/spec/applications/1/name"),
        ("remove", "/spec/applications/1"),
        ("add", "/spec/applications/-"),
    ]
    assert "note: docs: no file says which chart deploys it" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--commit", "deadbeef"], exits.FAILED, "does not hold deadbeef (any more): name another commit"),
        (["--commit", "--upload-pack=touch x"], exits.FAILED, "does not hold --upload-pack=touch x"),
        (["--commit", "main~1"], exits.FAILED, "does not hold main~1"),
        ([], exits.FAILED, "nothing to adopt: its files are what the claim says"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_said(place: Place, arguments: list[str], code: int, message: str) -> None:
    done = place.adopt(*arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--gitea-url", "http://127.0.0.1:9"], exits.USAGE, "--gitea-url needs a token that may read voltran"),
        (["--gitea-url", "http://me:pw@host", "--gitea-token-file", __file__], exits.USAGE, "without credentials"),
        (["--gitea-url", "http://127.0.0.1:9", "--gitea-token-file", __file__], exits.FAILED, "cannot be cloned"),
        (["--gitea-token-file", __file__], exits.USAGE, "--gitea-token-file goes with --gitea-url"),
        ([], exits.NOT_RUNNING, "no sandbox runs in"),
    ],
    ids=str,
)
def test_where_gitea_is_has_to_be_known(
    api: Api, infraforge: Infraforge, arguments: list[str], code: int, message: str
) -> None:
    api.create("PlatformClaim", "dev", "services", environment() | {"services": []})
    done = api.run(infraforge, "adopt", "platclaim/dev/services", *arguments)
    api.delete("PlatformClaim", "dev", "services")
    assert (done.returncode, message in " ".join(done.stderr.replace("│", "").split())) == (code, True), done.stderr
