"""A sandbox with kubectl, the repository, and what tests ask of both."""

import json
import subprocess
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sandbox.supervisor.components import Blueprint
from sandbox.supervisor.directory import DataDirectory
from sandbox.supervisor.environment import base
from sandbox.supervisor.knative import PING
from sandbox.supervisor.options import Record
from sandbox.supervisor.process import Process, identify, spawn
from sandbox.supervisor.startup import serves
from tests.e2e.command import Infraforge, kubectl
from tests.e2e.person import Person
from tests.e2e.repository import Bare
from tests.e2e.waiting import until

CLAIMS = ("bootstrapclaims", "infrastructureclaims", "applicationclaims", "platformclaims")
FUNCTIONS = ("bootstrap", "application", "platform")
UPDATE = "dev.knative.apiserver.resource.update"
PATIENCE = 60.0
QUIET = 10
"""Looks in a row that must find nothing new."""
SELDOM = ("--resync-interval", "3600")
"""So that nothing is repaired by a ping that the test did not send."""
GIT_ALONE = (*SELDOM, "--argocd", "off")
"""And nothing is deployed, for tests that are about what gets into Git."""


@dataclass
class Box:
    """A sandbox of a test file's own. `described` is what `infraforge up` printed.

    `host` is the one whose Gitea it uses, if that is another.
    """

    command: Infraforge
    options: tuple[str, ...] = GIT_ALONE
    host: "Box | None" = None
    described: Any = field(default=None, repr=False)
    _children: list["subprocess.Popen[bytes]"] = field(default_factory=list, repr=False)

    def up(self) -> "Box":
        """Start it, or what has ended of it."""
        self.described = self.command.up(*self.options)
        return self

    def down(self) -> None:
        """Stop all of it."""
        self.command.run("down")
        for child in self._children:
            child.wait(20)

    @property
    def voltran(self) -> Bare:
        """The repository, where it lies."""
        if self.host is not None:
            return self.host.voltran
        bare = Bare.voltran(self.described)
        if not bare.gitea_log.exists() or self.described["gitea"]["password"] is None:
            pytest.skip("needs the sandbox's own Gitea: its repositories and log are looked at")
        return bare

    def person(self, folder: Path) -> Person:
        """Somebody who may push."""
        return Person(folder, self.described["gitea"])

    def kubectl(self, *arguments: str, stdin: str | None = None, patience: float = PATIENCE) -> str:
        """A command that must succeed; what it printed."""
        done = kubectl(self.described, *arguments, stdin=stdin, patience=patience)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def apply(self, *documents: Mapping[str, Any]) -> None:
        """`kubectl apply -f -`."""
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([dict(one) for one in documents]))

    def get(self, claim: str, namespace: str) -> Any:
        """A live object by `kind/name`; None when there is none."""
        text = self.kubectl("get", claim, "-n", namespace, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def all(self) -> list[Any]:
        """Every claim."""
        return list(json.loads(self.kubectl("get", ",".join(CLAIMS), "-A", "-o", "json"))["items"])

    def ready(self, claim: str, namespace: str) -> tuple[str, str, str]:
        """Status, reason and message of the condition Ready, when it is about the spec as it is now."""
        document = self.get(claim, namespace)
        return condition(document) if document else ("", "Gone", "")

    def wait_reason(self, claim: str, namespace: str, reason: str, seconds: float = PATIENCE) -> str:
        """Wait until Ready has that reason; its message."""

        def look() -> bool:
            seen.append(self.ready(claim, namespace))
            return seen[-1][1] == reason

        seen: list[tuple[str, str, str]] = []
        until(look, f"{claim} is {reason}; it says {seen}", seconds)
        return seen[-1][2]

    def wait_true(self, seconds: float = PATIENCE) -> None:
        """Wait until the status of every claim is a true one of a claim in Git."""
        last: list[str] = []

        def look() -> bool:
            last[:] = self.untrue()
            return not last

        try:
            until(look, "every status is true", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {last}") from error

    def untrue(self) -> list[str]:
        """What is wrong with the statuses: each claim Ready, of its generation, and naming commits that are its own."""
        commits = {one.sha: one for one in self.voltran.log()}
        wrong = []
        for document in self.all():
            name = reference(document)
            status = document.get("status") or {}
            sha = (status.get("commit") or {}).get("sha")
            if condition(document)[0] != "True":
                wrong.append(f"{name}: {condition(document)}")
            elif sha not in commits or commits[sha].claim != name:
                wrong.append(f"{name}: names {sha}, which is not in Git or not its own")
            rows = [row for field in ("applications", "services", "namespaces") for row in status.get(field, ())]
            wrong += [f"{name}: {row['name']} names {row['commit']}" for row in rows if row["commit"] not in commits]
        return wrong

    def wait_quiet(self) -> None:
        """Wait until nothing is under way: the status that somebody waited for is an event too, and read after that."""

        def look() -> bool:
            load = httpx.get(f"{self.described['broker']['url']}/-/status", timeout=PATIENCE).json()["underWay"]
            seen.append((load["deliveries"], self.voltran.requests()))
            return seen[-1][0] == 0 and len(seen) >= QUIET and len(set(seen[-QUIET:])) == 1

        seen: list[tuple[int, int]] = []
        until(look, f"neither deliveries nor requests of Git are under way in {QUIET} looks, one after another")

    def versions(self) -> dict[str, str]:
        """Claim → resourceVersion: any write shows."""
        return {reference(one): one["metadata"]["resourceVersion"] for one in self.all()}

    def ping(self, functions: Collection[str] = FUNCTIONS) -> None:
        """One resync of each of these functions; it is over when this returns."""
        for name in functions:
            headers = {
                "content-type": "application/json",
                "ce-specversion": "1.0",
                "ce-id": str(uuid.uuid4()),
                "ce-type": PING,
                "ce-source": "/infraforge/tests",
            }
            url = self.described["functions"][name]["url"]
            answer = httpx.post(url, headers=headers, content=b"{}", timeout=PATIENCE)
            assert answer.status_code in (200, 204), f"{name}: {answer.status_code} {answer.text}"

    def tell(self, document: Any, *, times: int) -> None:
        """Send each function events of a change of this object, as the source would."""
        metadata = document["metadata"]
        headers = {
            "content-type": "application/json",
            "ce-specversion": "1.0",
            "ce-type": UPDATE,
            "ce-source": "/infraforge/tests",
            "ce-kind": document["kind"],
            "ce-apiversion": document["apiVersion"],
            "ce-namespace": metadata["namespace"],
            "ce-name": metadata["name"],
        }
        with httpx.Client(timeout=PATIENCE) as client:
            for name in FUNCTIONS:
                url = self.described["functions"][name]["url"]
                for _ in range(times):
                    answer = client.post(url, headers=headers | {"ce-id": str(uuid.uuid4())}, json=document)
                    assert answer.status_code == 204, f"{name}: {answer.status_code} {answer.text}"

    def end(self, *names: str) -> None:
        """End components of the sandbox; `up` starts them again."""
        for name in names:
            process = Process.load(self._directory.pid(name))
            assert process is not None, f"{name} does not run"
            process.terminate()
            process.end(20)

    def restart(self, name: str, settings: Mapping[str, str]) -> None:
        """Start a component anew where it was, with further settings; `down` ends it as it would the old one."""
        self.end(name)
        record = Record.load(self._directory)
        blueprint = Blueprint(self._directory, record.options, record.ports)
        component = next(one for one in blueprint.components() if one.name == name)
        launch = component.launch()
        environment = base() | dict(launch.environment) | dict(settings)
        folder = Path(__file__).resolve().parents[2]
        child = spawn(launch.arguments, environment, folder=folder, log=self._directory.log(name))
        process = identify(child.pid)
        assert process is not None, f"{name} ended at once"
        process.save(self._directory.pid(name))
        self._children.append(child)
        until(lambda: serves(component), f"{name} serves")

    @property
    def _directory(self) -> DataDirectory:
        return DataDirectory(self.command.data_dir)


def reference(document: Any) -> str:
    """`Kind/namespace/name`."""
    return f"{document['kind']}/{document['metadata']['namespace']}/{document['metadata']['name']}"


def condition(document: Any, kind: str = "Ready") -> tuple[str, str, str]:
    """Status, reason and message of a condition; empty while it speaks of an earlier spec or is not there."""
    status = document.get("status") or {}
    if status.get("observedGeneration") != document["metadata"]["generation"]:
        return "", "", ""
    found = (one for one in status.get("conditions", ()) if one["type"] == kind)
    return next(((one["status"], one["reason"], one.get("message", "")) for one in found), ("", "", ""))
