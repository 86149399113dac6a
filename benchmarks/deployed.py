"""From `kubectl apply` of an edited image tag to the image in the Deployment, and to the claim's status that says so.

    ours        the claim is applied: event, commit, refresh, ArgoCD's (the sandbox's) rendering and sync
    baseline    the same edit applied to a Deployment by hand, with no platform in between

The workload's own rollout is no part of the first figure, and is of the second as far as the sandbox plays it.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Aim, Row
from benchmarks.sandbox import KUBECTL, PATIENCE, Sandbox, example

SECTION: Final = "deployed"
NAMESPACE: Final = "dev"
RELEASE: Final = "dev-ecommerce-platform"
BY_HAND: Final = "by-hand"
AIM: Final = Aim(5, "ours")


class Watch:
    """What a `kubectl get --watch` has shown by now, and when."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._seen: dict[str, float] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._changed:
                self._seen.setdefault(line.strip(), time.perf_counter())
                self._changed.notify_all()

    def forget(self) -> None:
        """Only what comes from now on counts."""
        with self._changed:
            self._seen.clear()

    def wait(self, line: str) -> float:
        """When that line was shown."""
        with self._changed:
            if not self._changed.wait_for(lambda: line in self._seen, PATIENCE):
                raise TimeoutError(f"{line!r} did not come in {PATIENCE:.0f} s; there was {sorted(self._seen)}")
            return self._seen[line]


@contextmanager
def watching(there: Sandbox, kind: str, form: str) -> Iterator[Watch]:
    """Every change of the objects of a kind in the namespace, a line in the jsonpath `form` for each."""
    command = [str(KUBECTL), "--kubeconfig", there.kubeconfig, "-n", NAMESPACE, "get", kind, "--watch"]
    with subprocess.Popen([*command, "-o", f"jsonpath={form}"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Watch(process)
        finally:
            process.kill()


def measure(there: Sandbox, rounds: int, directory: Path) -> list[Row]:
    """The rows of as many edits as `rounds`, each beside one by hand."""
    claim = example("dev/dev-apps-claim.yaml")
    for document in (example("dev/dev-platform-claim.yaml"), claim):
        there.apply(document, directory)
    there.kubectl("wait", "-n", NAMESPACE, "--for=condition=Deployed", "appclaim/dev-apps", f"--timeout={PATIENCE}s")
    deployment = _by_hand(there)
    image = '{.metadata.name} {.spec.template.spec.containers[0].image}{"\\n"}'
    told = '{.status.observedGeneration} {.status.conditions[?(@.type=="Deployed")].status}{"\\n"}'
    runs, says, base = [], [], []
    with watching(there, "deployments", image) as images, watching(there, "applicationclaims", told) as claims:
        for number in range(rounds):
            tag = f"v1.2.{2 + number % 2}"
            row = next(one for one in claim["spec"]["applications"] if one["name"] == "ecommerce-platform")
            row["image"]["tag"] = tag
            wanted = f"{row['image']['repository']}:{tag}"
            images.forget()
            started = time.perf_counter()
            there.apply(claim, directory)
            runs.append(images.wait(f"{RELEASE} {wanted}") - started)
            generation = there.get("applicationclaim", NAMESPACE, "dev-apps")["metadata"]["generation"]
            says.append(claims.wait(f"{generation} True") - started)
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = wanted
            started = time.perf_counter()
            there.apply(deployment, directory)
            base.append(images.wait(f"{BY_HAND} {wanted}") - started)
    return [
        Row.compared(SECTION, "edit of a tag -> its image in the Deployment", runs, base, aim=AIM),
        Row.plain(SECTION, "edit of a tag -> the claim says that it is deployed", says),
    ]


def _by_hand(there: Sandbox) -> Any:
    """A copy of the release's Deployment that no platform knows of."""
    found = json.loads(there.kubectl("get", "deployment", RELEASE, "-n", NAMESPACE, "-o", "json"))
    labels = {"app": BY_HAND}
    template = found["spec"]["template"]
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {"name": BY_HAND, "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template["spec"]},
        },
    }
