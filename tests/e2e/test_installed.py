"""The sandbox's cluster with the chart installed by real Helm: install, test, upgrade, rotation, uninstall."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.supervisor import chart
from sandbox.supervisor.process import Process
from tests.e2e import claims, rights
from tests.e2e.box import GIT_ALONE, Box
from tests.e2e.command import Infraforge, up_arguments
from tests.e2e.waiting import until
from tests.tools import MissingToolError, helm

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "knative"
SYSTEM = "platform-system"
WRITERS = ("application", "bootstrap", "platform")
SERVICES = (*WRITERS, "deadletters")
CLAIM = "applicationclaim/dev-apps"
PATIENCE = 240
"""Seconds for one Helm command; it waits for Jobs and for the functions."""


@dataclass
class Installation:
    """A sandbox whose chart is Helm's. Each test finds it as the one before left it."""

    box: Box
    command: Path
    audit_log: Path

    def helm(self, *arguments: str) -> str:
        """A Helm command that must succeed; what it printed."""
        done = self._run(*arguments)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def install(self) -> None:
        """`helm install`, with the values that the sandbox asks for."""
        values = str(self.box.command.data_dir / "config" / "values.yaml")
        self.helm("install", "infraforge", str(CHART), "--values", values, "--wait", "--timeout", "3m")

    def upgrade(self, *values: str) -> None:
        """`helm upgrade` with values changed."""
        changed = (word for value in values for word in ("--set", value))
        self.helm("upgrade", "infraforge", str(CHART), "--reuse-values", "--wait", "--timeout", "3m", *changed)

    def pids(self) -> dict[str, int]:
        """The process of each Knative Service that has one."""
        found = {name: Process.load(self.box.command.data_dir / "run" / f"{name}.json") for name in SERVICES}
        return {name: process.pid for name, process in found.items() if process is not None and process.alive}

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        folder = self.box.command.data_dir
        homes = {f"HELM_{name}_HOME": str(folder / "helm" / name.lower()) for name in ("CONFIG", "CACHE", "DATA")}
        environment = os.environ | homes | {"KUBECONFIG": str(folder / "apiserver" / "kubeconfig")}
        line = [str(self.command), "--namespace", SYSTEM, *arguments]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`infraforge up --chart external`, `helm install`, and the example claims, all of them in Git."""
    if up_arguments():
        pytest.skip("needs the sandbox's own cluster: into a real one you install the chart yourself")
    try:
        command = helm()
    except MissingToolError as error:
        pytest.skip(str(error))
    box = Box(Infraforge(tmp_path_factory.mktemp("installed")), options=(*GIT_ALONE, "--chart", "external"))
    log = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    box.options += ("--audit-log", str(log))
    made = Installation(box, command, log)
    made = Installation(box, command, log)
    told = tmp_path_factory.mktemp("up") / "said"
    with told.open("w") as file:
        line = box.command.line("up", "--detach", *box.options)
        up = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        until(lambda: "waits for you: helm" in told.read_text(), "it says that it waits, and for what")
        made.install()
        assert up.wait(120) == 0, told.read_text()
        box.described = box.command.json("status")
        box.apply(*claims.examples())
        box.wait_true()
        yield made
    finally:
        up.kill()
        up.wait()
        box.down()


def test_everything_that_helm_installed_is_ready(installed: Installation) -> None:
    """kubectl and Helm see Knative's statuses, and the functions have the rights that the chart gives."""
    kinds = "ksvc,brokers,triggers,apiserversources,pingsources"
    listed = json.loads(installed.box.kubectl("get", kinds, "-n", SYSTEM, "-o", "json"))["items"]
    assert len(listed) > len(SERVICES)
    assert {condition(one) for one in listed} == {"True"}
    assert set(installed.pids()) == set(SERVICES)


def test_helm_test_goes_the_whole_way(installed: Installation) -> None:
    """Throw-away claims come back answered, and nothing of them is left or in Git."""
    head, before = installed.box.voltran.head(), len(installed.box.all())
    assert "Phase:          Succeeded" in installed.helm("test", "infraforge", "--timeout", "2m")
    assert (installed.box.voltran.head(), len(installed.box.all())) == (head, before)


@pytest.mark.parametrize("account", ["infraforge-setup", "infraforge-test"])
def test_what_only_helm_runs_has_the_rights_that_it_needs(installed: Installation, account: str) -> None:
    """The Job of the install and the Pod of the test, each with its own account (test_least_privilege.py)."""
    rendering, user = chart.render({}), rights.user(SYSTEM, account)
    asked, held = rights.requests(installed.audit_log, user), rights.granted(rendering.hooks, user)
    assert held
    assert rights.missing(asked) == set()
    assert rights.surplus(held, asked) == set()


def test_a_changed_value_reaches_the_function(installed: Installation) -> None:
    """By a new process of those that have it, as by a new revision."""
    before = installed.pids()
    installed.upgrade("settings.authorName=Robot of the platform")
    after = installed.pids()
    changed = {name for name in SERVICES if after[name] != before[name]}
    assert changed == set(WRITERS), "the letters' function has no author"
    commit(installed, replicas=4)
    assert author(installed) == "Robot of the platform"


def test_a_rotated_token_is_used_without_a_restart(installed: Installation) -> None:
    """The one of before is revoked, and the functions' next commit is made with the new one."""
    gitea, pids = Tokens.of(installed), installed.pids()
    before = gitea.ids()
    installed.upgrade("setup.tokenGeneration=2")
    until(lambda: gitea.ids() - before, "there are new tokens")
    until(lambda: gitea.mounted(installed), "the functions have the new token at hand")
    for token in before:
        gitea.revoke(token)
    commit(installed, replicas=5)
    assert installed.pids() == pids


def test_uninstall_leaves_claims_and_git_alone(installed: Installation) -> None:
    """The functions end, and everything that is a person's stays."""
    box, head = installed.box, installed.box.voltran.head()
    before = {one["metadata"]["uid"]: one["spec"] for one in box.all()}
    installed.helm("uninstall", "infraforge", "--wait", "--timeout", "3m")
    until(lambda: not installed.pids(), "no function runs")
    assert box.kubectl("get", "ksvc,triggers,serviceaccounts,roles", "-n", SYSTEM, "-o", "name").split() in (
        [],
        ["serviceaccount/default"],
    )
    assert {one["metadata"]["uid"]: one["spec"] for one in box.all()} == before
    assert box.voltran.head() == head


def test_what_is_installed_once_more_goes_the_whole_way(installed: Installation) -> None:
    """Last of all: the accounts are new ones, and a token of the source's old account lets nobody in."""
    installed.install()
    until(lambda: set(installed.pids()) == set(SERVICES), "all functions run")
    assert "Phase:          Succeeded" in installed.helm("test", "infraforge", "--timeout", "2m")


@dataclass(frozen=True)
class Tokens:
    """The tokens of the functions' user in Gitea, as its administrator sees them."""

    url: str
    administrator: tuple[str, str]

    @classmethod
    def of(cls, installed: Installation) -> "Tokens":
        """Those of a sandbox."""
        gitea = installed.box.described["gitea"]
        return cls(f"{gitea['url']}/api/v1/users/infraforge/tokens", (gitea["user"], gitea["password"]))

    def ids(self) -> set[int]:
        """Of all that are valid."""
        return {one["id"] for one in self._all()}

    def revoke(self, identity: int) -> None:
        """From now on it lets nobody in."""
        httpx.delete(f"{self.url}/{identity}", auth=self.administrator, trust_env=False).raise_for_status()

    def mounted(self, installed: Installation) -> bool:
        """Whether every function reads one of the newest tokens from its file."""
        last = {one["token_last_eight"] for one in sorted(self._all(), key=lambda one: -int(one["id"]))[:2]}
        root = installed.box.command.data_dir / "node" / "services" / SYSTEM
        files = [root / f"infraforge-{name}" / "volumes" / "gitea" / "token" for name in WRITERS]
        return all(file.read_text().strip()[-8:] in last for file in files)

    def _all(self) -> list[Any]:
        return list(httpx.get(self.url, auth=self.administrator, trust_env=False).raise_for_status().json())


def condition(document: Any) -> str:
    """The status of Ready, when it is about the object as it is."""
    status = document.get("status") or {}
    if status.get("observedGeneration") != document["metadata"]["generation"]:
        return "of an earlier generation"
    return next((one["status"] for one in status["conditions"] if one["type"] == "Ready"), "none")


def commit(installed: Installation, *, replicas: int) -> None:
    """Change a claim, and wait until that is in Git."""
    row = f'{{"replicas": {replicas}}}'
    patch = f'[{{"op": "replace", "path": "/spec/applications/1/values", "value": {row}}}]'
    head = installed.box.voltran.head()
    installed.box.kubectl("patch", CLAIM, "-n", "dev", "--type=json", "-p", patch)
    until(lambda: installed.box.voltran.head() != head, "there is a commit")
    installed.box.wait_true()


def author(installed: Installation) -> str:
    """Of the last commit."""
    return installed.box.voltran.log()[0].author.partition(" <")[0]
