"""A sandbox lives through good days and bad ones, and its secrets are afterwards where they belong and nowhere else."""

import base64
import copy
import json
import os
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sandbox.supervisor.accounts import ADMINISTRATOR
from sandbox.supervisor.process import Process
from tests.e2e.command import DEPLOYMENTS, Infraforge, kubectl
from tests.hostile.secrets import Canaries, CommandLines, Found, files, git_objects, repositories

EVENT = {"ce-id": "1", "ce-source": "s", "ce-specversion": "1.0", "ce-type": "dev.knative.apiserver.resource.update"}
KINDS = ("bootstrapclaims", "infrastructureclaims", "applicationclaims", "platformclaims", "events",
         "applications.argoproj.io", "applicationsets.argoproj.io", "appprojects.argoproj.io",
         "configmaps", "namespaces")  # fmt: skip

SYSTEM = "platform-system"
SECRETS = {"gitea": "token", "argocd": "token", "webhook": "secret"}
"""What the chart's Job makes, as Secrets `infraforge-<name>`, and under which key."""

# Who has to know a secret keeps it, in a folder that only its user may enter: the cluster has the Secrets, among them
# the password of Gitea's administrator with which the Job makes the others, and Gitea signs with the webhook's.
STORES = {
    ("Secret webhook", "gitea/gitea.db"),
    ("gitea-admin-password", "apiserver/objects.db"),
    *((f"Secret {name}", "apiserver/objects.db") for name in SECRETS),
}
# What is mounted for each, as the node would: by the Secrets that its Knative Service names, and its own account.
MOUNTED = {"bootstrap": {*SECRETS}, "application": {"gitea"}, "platform": {"gitea"}, "deadletters": set()}


@dataclass
class Lived:
    """A sandbox that has been through all of it."""

    infraforge: Infraforge
    described: Any
    canaries: Canaries
    lines: CommandLines
    said: dict[str, bytes]
    """Every answer of an endpoint and of a command, by what was asked."""

    @property
    def folder(self) -> Path:
        return self.infraforge.data_dir


def _application(**changes: Any) -> dict[str, Any]:
    claim: dict[str, Any] = copy.deepcopy(yaml.safe_load((DEPLOYMENTS / "dev" / "dev-apps-claim.yaml").read_text()))
    claim["spec"]["applications"][0] |= changes
    return claim


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    infraforge = Infraforge(tmp_path_factory.mktemp("canary"))
    lines = CommandLines()
    try:
        with lines.watched():
            described = infraforge.up()
            folder = infraforge.data_dir
            secrets = {path.name: path.read_text().strip() for path in (folder / "credentials").iterdir()}
            secrets["admin.token"] = (folder / "apiserver" / "admin.token").read_text().strip()
            secrets |= _of_cluster(described) | _of_accounts(folder)
            life = Lived(infraforge, described, Canaries(secrets), lines, {})
            _good(life)
            _broken(life)
            _refused(life, secrets["gitea-admin-password"])
            _gitea_down(life)
            _endpoints(life)
        yield life
    finally:
        infraforge.run("down")


def _of_cluster(described: Any) -> dict[str, str]:
    found = {}
    for name, key in SECRETS.items():
        path = f"jsonpath={{.data.{key}}}"
        shown = kubectl(described, "get", f"secret/infraforge-{name}", "-n", SYSTEM, "-o", path)
        assert shown.stdout, shown.stderr
        found[f"Secret {name}"] = base64.b64decode(shown.stdout).decode()
    return found


def _of_accounts(folder: Path) -> dict[str, str]:
    places = {name: folder / "node" / "services" / SYSTEM / f"infraforge-{name}" for name in MOUNTED}
    tokens = {f"account {name}": (place / "kube-api-access" / "token").read_text() for name, place in places.items()}
    source = yaml.safe_load((folder / "config" / "source-kubeconfig").read_text())
    return tokens | {"account source": source["users"][0]["user"]["token"]}


def _good(life: Lived) -> None:
    done = life.infraforge.run("apply", "-f", str(DEPLOYMENTS), "--wait")
    assert done.returncode == 0, done.stderr
    life.said["apply"] = (done.stdout + done.stderr).encode()


def _apply(life: Lived, name: str, document: dict[str, Any], *wait: str) -> None:
    applied = kubectl(life.described, "apply", "--server-side", "-f", "-", stdin=json.dumps(document))
    life.said[f"kubectl apply {name}"] = (applied.stdout + applied.stderr).encode()
    if wait:
        waited = kubectl(life.described, "wait", *wait, "appclaim/dev-apps", "-n", "dev", "--timeout=50s")
        assert waited.returncode == 0, (name, waited.stderr)


def _broken(life: Lived) -> None:
    """A claim with a password of its own, one that the schema refuses, and one that breaks a rule behind it."""
    image = {"repository": "bob:hunter2@ghcr.io/infraforge/shop", "tag": "v1"}
    _apply(life, "password", _application(image=image), "--for=condition=Ready=False")
    _apply(life, "schema", _application(name="../../etc"))
    _apply(life, "mended", _application(), "--for=condition=Ready")


def _refused(life: Lived, password: str) -> None:
    """Nobody may push to main for a moment."""
    with httpx.Client(base_url=f"{life.described['gitea']['url']}/api/v1", auth=(ADMINISTRATOR, password)) as gitea:
        rules = "/repos/platform/voltran/branch_protections"
        made = gitea.post(rules, json={"rule_name": "main", "enable_push": False})
        assert made.status_code == 201, made.text
        _apply(life, "refused", _application(values={"replicas": 3}), "--for=condition=Ready=False")
        assert gitea.delete(f"{rules}/main").status_code == 204
    _apply(life, "allowed", _application(values={"replicas": 4}), "--for=condition=Ready")


def _gitea_down(life: Lived) -> None:
    """Gitea hangs while a claim changes, and comes back: the Broker's next try makes it good."""
    process = Process.load(life.folder / "run" / "gitea.json")
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        _apply(life, "hanging", _application(values={"replicas": 5}))
        with ThreadPoolExecutor() as asking:  # each waits as long as it would for any dependency
            urls = {name: f"{function['url']}/readyz" for name, function in life.described["functions"].items()}
            for name, answer in zip(
                urls, asking.map(lambda url: httpx.get(url, timeout=60), urls.values()), strict=True
            ):
                life.said[f"{name} /readyz while Gitea hangs"] = _whole(answer)
                assert answer.status_code == 503
    finally:
        os.kill(process.pid, signal.SIGCONT)
    _apply(life, "back", _application(values={"replicas": 6}), "--for=condition=Ready")


def _endpoints(life: Lived) -> None:
    for name, function in life.described["functions"].items():
        requests: list[tuple[str, str, dict[str, str]]] = [
            ("GET", path, {}) for path in ("/healthz", "/readyz", "/metrics", "/", "/nowhere", "/webhooks/gitea")
        ]
        requests += [("POST", "/", {}), ("POST", "/webhooks/gitea", {"X-Gitea-Signature": "x"})]
        requests += [
            ("POST", "/", EVENT | {"ce-kind": "ApplicationClaim", "ce-namespace": "dev", "ce-name": "dev-apps"})
        ]
        for method, path, headers in requests:
            life.said[f"{name} {method} {path}"] = _whole(
                httpx.request(method, function["url"] + path, headers=headers)
            )
    for part, path in (("broker", "/-/dead-letters"), ("broker", "/"), ("registry", "/v2/"),
                       ("gitea", "/api/v1/version"),
                       ("gitea", "/platform/voltran.git/info/refs?service=git-upload-pack")):  # fmt: skip
        life.said[f"{part} {path}"] = _whole(httpx.get(life.described[part]["url"] + path))


def _whole(answer: httpx.Response) -> bytes:
    return str(answer.headers).encode() + answer.content


@pytest.mark.parametrize("user", ["", "x", "me", "git", "infraforge"])
def test_the_search_finds_basic_authentication(user: str) -> None:
    """A search that sees nothing would find everything in order."""
    secret = "3f9c2a7be1d4"
    header = base64.b64encode(f"{user}:{secret}".encode())
    canaries = Canaries({"token": secret})
    assert canaries.seen_in(b"Authorization: Basic " + header, "log") == {("token", "log")}
    assert canaries.seen_in(b"https://" + secret.encode() + b"@host", "log") == {("token", "log")}
    assert canaries.seen_in(b"Authorization: Basic bm90aGluZw==", "log") == set()


def test_all_of_it_happened(lived: Lived) -> None:
    """Otherwise there would have been nothing to see."""
    assert lived.lines.of(b"git") > 0
    assert lived.lines.of(b"functions_framework") >= 3
    logs = "".join(path.read_text() for path in (lived.folder / "logs").iterdir())
    for happened in ("GiteaUnavailable", "Forbidden", "InvalidImage", "Committed"):
        assert happened in logs or happened.encode() in b"".join(lived.said.values()), happened
    assert len(repositories(lived.folder)) >= 6


def test_no_process_shows_a_secret(lived: Lived) -> None:
    """Sampled every few milliseconds through all of it, in the command lines of every process of this machine."""
    assert lived.lines.samples > 100
    assert lived.canaries.seen_in(b"\n".join(lived.lines.seen), "a command line") == set()


def test_no_answer_shows_a_secret(lived: Lived) -> None:
    found: Found = set().union(*(lived.canaries.seen_in(said, asked) for asked, said in lived.said.items()))
    assert found == set()


def test_no_object_shows_a_secret(lived: Lived) -> None:
    """Statuses, Events, ArgoCD's objects: everything but the Secret that holds ArgoCD's token."""
    for kind in KINDS:
        listed = kubectl(lived.described, "get", kind, "-A", "-o", "yaml", "--show-managed-fields")
        assert listed.returncode == 0, listed.stderr
        assert lived.canaries.seen_in(listed.stdout.encode(), kind) == set()
        assert "hunter2" not in json.dumps([one.get("status") for one in yaml.safe_load(listed.stdout)["items"]])


def test_no_file_holds_a_secret_but_those_that_are_for_it(lived: Lived) -> None:
    """Logs, caches, remotes and configuration of Git, databases: only what is named here, and closed to others."""
    assert stat.S_IMODE(lived.folder.stat().st_mode) == 0o700
    for path, content in files(lived.folder):
        place = path.relative_to(lived.folder).as_posix()
        kept = place.startswith("credentials/") or place in {"apiserver/admin.token", "apiserver/kubeconfig"}
        if kept:
            assert lived.canaries.seen_in(content, place), place
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, place
            continue
        found = {(name, where.removesuffix("-wal")) for name, where in lived.canaries.seen_in(content, place)}
        assert {name for name, _ in found} <= mounted(place) if mounted(place) else found <= STORES, place


def mounted(place: str) -> set[str]:
    """The secrets that a file below the node's folder of a Service may hold, or the source's own; elsewhere none."""
    if place == "config/source-kubeconfig":
        return {"account source"}
    for name, secrets in MOUNTED.items():
        if place.startswith(f"node/services/{SYSTEM}/infraforge-{name}/"):
            return {f"account {name}", *(f"Secret {one}" for one in secrets)}
    return set()


def test_no_repository_holds_a_secret(lived: Lived) -> None:
    """Neither in an object, which files hold compressed, nor as a remote."""
    for repository in repositories(lived.folder):
        assert lived.canaries.seen_in(git_objects(repository), str(repository)) == set()
        configured = (repository / "config").read_text()
        assert "url" not in configured, repository
        assert "extraheader" not in configured.lower(), repository
