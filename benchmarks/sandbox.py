"""What the benchmarks drive: a sandbox of their own, and beside it a repository that Git pushes to by hand."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

ROOT: Final = Path(__file__).resolve().parents[1]
INFRAFORGE: Final = Path(sys.executable).with_name("infraforge")
KUBECTL: Final = Path(sys.executable).with_name("kubectl")
PATIENCE: Final = 60.0
PAUSE: Final = 0.001
"""Seconds between two looks at the branch's file: what a measured commit may appear late by."""

REFERENCE: Final = "benchmark"
"""The organization of the repository that is pushed to by hand: nobody's webhook is there."""


class Sandbox:
    """A running sandbox, as `infraforge up --output json` describes it."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.kubeconfig: str = description["kubeconfig"]
        self.registry: str = description["registry"]["url"]
        self.functions: dict[str, str] = {name: one["url"] for name, one in description["functions"].items()}
        self.logs = {one["name"]: Path(one["log"]) for one in description["components"]}
        self.pids: dict[str, int] = {one["name"]: one["pid"] for one in description["components"]}
        gitea = description["gitea"]
        self.organization: str = gitea["organization"]
        self.gitea: str = gitea["url"]
        self.token: str = gitea["token"]
        repositories = Path(description["dataDir"]) / "gitea" / "repositories"
        self._branch = repositories / self.organization / "voltran.git" / "refs" / "heads" / "main"
        self._http = httpx.Client(base_url=f"{self.gitea}/api/v1", headers={"Authorization": f"token {self.token}"})

    def url(self, organization: str, repository: str = "voltran") -> str:
        """Where Git finds a repository, with the token in it: it lives as long as this run."""
        return f"{self.gitea.replace('://', f'://x:{self.token}@')}/{organization}/{repository}.git"

    def head(self) -> str:
        """The commit that `main` of `voltran` stands on."""
        answer = self._http.get(f"/repos/{self.organization}/voltran/branches/main").raise_for_status()
        return str(answer.json()["commit"]["id"])

    def moved(self, before: str) -> str:
        """The head as Gitea's API tells it, as soon as it is no longer `before`.

        Gitea is asked when the branch's file has changed: it has one process, and who asks again and again is in the
        way of the push that is measured.
        """
        deadline = time.perf_counter() + PATIENCE
        while self._branch.read_text().strip() == before:
            if time.perf_counter() > deadline:
                raise TimeoutError("no commit came of an edit")
            time.sleep(PAUSE)  # a file tells nobody that it changed; the pause is far below what is measured
        return self.head()

    def create(self, organization: str, repository: str) -> None:
        """An empty repository in an organization of its own."""
        self._http.post("/orgs", json={"username": organization}).raise_for_status()
        self._http.post(f"/orgs/{organization}/repos", json={"name": repository}).raise_for_status()

    def pushes(self) -> int:
        """The pushes to `voltran` that Gitea's log knows of, refused ones too."""
        sought = f"POST /{self.organization}/voltran.git/git-receive-pack "
        return self.logs["gitea"].read_text().count(sought)

    def requests(self) -> int:
        """The requests that Gitea's log knows of."""
        return self.logs["gitea"].read_text().count(" ms\n")

    def kubectl(self, *arguments: str, patience: float = PATIENCE) -> str:
        """A kubectl command's output."""
        return run([str(KUBECTL), "--kubeconfig", self.kubeconfig, *arguments], patience=patience)

    def wait_ready(self, kind: str, namespace: str, *names: str, patience: float = PATIENCE) -> None:
        """`kubectl wait --for=condition=Ready`; of all there are when none is named."""
        what = [f"{kind}/{name}" for name in names] or [kind, "--all"]
        self.kubectl(
            "-n", namespace, "wait", "--for=condition=Ready", *what, f"--timeout={patience:.0f}s", patience=patience
        )

    def watch_ready(self, kind: str, namespace: str, names: Collection[str], patience: float) -> None:
        """Wait until all of `names` are Ready, in one watch: `kubectl wait` would open one after another."""
        form = '{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}'
        command = [str(KUBECTL), "--kubeconfig", self.kubeconfig, "-n", namespace, "get", kind, "--watch"]
        left = set(names)
        with subprocess.Popen([*command, "-o", f"jsonpath={form}"], stdout=subprocess.PIPE, text=True) as process:
            alarm = threading.Timer(patience, process.kill)
            alarm.start()
            try:
                for line in process.stdout or ():
                    name, _, ready = line.strip().partition(" ")
                    if ready == "True":
                        left.discard(name)
                    if not left:
                        return
            finally:
                alarm.cancel()
                process.kill()
        raise TimeoutError(f"{len(left)} of {len(names)} claims are not Ready after {patience:.0f} s")

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """A live object."""
        found: dict[str, Any] = json.loads(self.kubectl("-n", namespace, "get", kind, name, "-o", "json"))
        return found

    def bootstrap(self, directory: Path, environments: Sequence[str] = ()) -> None:
        """The example platform, with more environments of `nonprod`, and ready."""
        claim = example("bootstrap-claim.yaml")
        claim["spec"]["clusters"][0]["environments"] += environments
        self.apply(claim, directory)
        self.wait_ready("bootstrapclaim", "platform-system", "platform-bootstrap")

    def apply(self, document: Mapping[str, Any], directory: Path) -> None:
        """`kubectl apply -f` of one object."""
        file = directory / "claim.yaml"
        file.write_text(yaml.safe_dump(dict(document)))
        self.kubectl("apply", "-f", str(file))


class Cached:
    """The baseline: a bare clone of `voltran` that is kept, and pushed from to a second repository on the same server.

    The second repository is a copy, so that each commit of ours can be pushed onto the very head that ours went onto.
    """

    def __init__(self, there: Sandbox, directory: Path) -> None:
        self._there = there
        self._directory = directory
        there.create(REFERENCE, "copy")
        run(["git", "clone", "-q", "--bare", there.url(there.organization), str(directory)])
        self.push("main")

    def fetch(self) -> None:
        """Get what there is to push; takes no part in what is measured."""
        self._git("fetch", "-q", self._there.url(self._there.organization), "+main:main")

    def push(self, commit: str) -> float:
        """`git push` of one commit; the seconds that took."""
        started = time.perf_counter()
        self._git("push", "-q", self._there.url(REFERENCE, "copy"), f"{commit}:refs/heads/main")
        return time.perf_counter() - started

    def log(self, revisions: str, form: str) -> list[str]:
        """Records of `git log`, the oldest first; `form` as git's pretty formats say it."""
        records = self._git("log", "--reverse", f"--format={form}%x00", revisions)
        return [record.strip("\n") for record in records.split("\0") if record.strip("\n")]

    def _git(self, *arguments: str) -> str:
        return run(["git", "-C", str(self._directory), *arguments])


@contextmanager
def sandbox(directory: Path, push_delay: str = "0ms", argocd: str = "off") -> Iterator[Sandbox]:
    """A sandbox in `directory` whose resync keeps out of the way, and that ends with the block.

    Nothing deploys in it, unless `argocd` is `sandbox`: its share of the machine is no part of what others measure.
    """
    options = [
        "--argocd",
        argocd,
        "--data-dir",
        str(directory),
        "--gitea-push-delay",
        push_delay,
        "--resync-interval",
        "3600",
    ]
    try:
        yield Sandbox(json.loads(run([str(INFRAFORGE), "up", "--detach", "--output", "json", *options])))
    finally:
        run([str(INFRAFORGE), "down", "--data-dir", str(directory)])


def example(path: str) -> Any:
    """One of the example claims of deployments/."""
    return yaml.safe_load((ROOT / "deployments" / path).read_text())


def run(command: Sequence[str], *, stdin: bytes | None = None, patience: float = PATIENCE) -> str:
    """A command's output, with Git free of this machine's configuration; what it said last when it fails."""
    environment = os.environ | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        list(command), input=stdin, capture_output=True, env=environment, timeout=patience + 60, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return done.stdout.decode()
