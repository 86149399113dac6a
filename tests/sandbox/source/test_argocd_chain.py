"""The sandbox's own sources and triggers in real processes: what is told of ArgoCD's objects, and to whom."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from sandbox.source.kubeconfig import read
from sandbox.supervisor import chart, knative
from sandbox.supervisor.cluster import write_definitions
from sandbox.supervisor.components import FUNCTIONS
from tests.sandbox.broker.processes import Running, stand_in
from tests.sandbox.broker.subscriber import Answer, Subscriber

OURS = {"app.kubernetes.io/part-of": "infraforge"}
MERGE = {"Content-Type": "application/merge-patch+json"}


def path(namespace: str, name: str = "") -> str:
    """Where Applications are."""
    return f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications{'/' if name else ''}{name}"


def application(name: str, labels: dict[str, str]) -> dict[str, Any]:
    """A small Application."""
    spec = {"project": "default", "destination": {"name": "in-cluster"}}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}


@asynccontextmanager
async def _chain(folder: Path, subscriber: str) -> AsyncIterator[Running]:
    """API server, broker and source, configured as a sandbox configures them; each function is a path of one server."""
    write_definitions(folder / "crds", ours=True)
    installed = knative.Installed.of(chart.render({}).objects)

    def address(name: str) -> str:
        return f"{subscriber}/{name.removeprefix('infraforge-')}"

    (folder / "triggers.yaml").write_text(yaml.safe_dump(knative.broker(installed, address)))
    (folder / "sources.yaml").write_text(yaml.safe_dump(knative.sources(installed, 3600)))
    data = folder / "api"
    served = ["--data-dir", str(data), "--crds", str(folder / "crds"), "--namespaces", "argocd,dev"]
    async with stand_in("apiserver", *served), asyncio.timeout(20):
        while not (data / "kubeconfig").exists():
            await asyncio.sleep(0.02)  # a file tells nobody that it is there
    cluster = read(data / "kubeconfig")
    to_broker = ["--data-dir", str(folder), "--config", str(folder / "triggers.yaml")]
    async with (
        stand_in("apiserver", *served, scheme="https", tls=cluster.tls) as api,
        stand_in("broker", *to_broker) as broker,
    ):
        api.client.headers["Authorization"] = f"Bearer {cluster.token}"
        await api.until("/readyz")
        await broker.until("/healthz")
        to_source = ["--kubeconfig", str(data / "kubeconfig"), "--config", str(folder / "sources.yaml")]
        async with stand_in("source", *to_source, "--sink", str(broker.client.base_url)) as source:
            await source.until("/healthz")
            yield api


def test_every_function_is_told_of_our_applications_and_of_no_others(tmp_path: Path) -> None:
    """One of another team, and one in another namespace, raise no event; one that loses our label is deleted to us."""

    async def run() -> None:
        async with (
            Subscriber(lambda _path, _number: Answer(204)).running() as subscriber,
            _chain(tmp_path, subscriber.url) as api,
        ):
            for namespace, name, labels in (
                ("argocd", "theirs", {}),
                ("dev", "elsewhere", OURS),
                ("argocd", "a", OURS),
            ):
                made = await api.client.post(path(namespace), json=application(name, labels))
                assert made.status_code == 201
            status = {"status": {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}}
            unlabelled = {"metadata": {"labels": {"app.kubernetes.io/part-of": None}}}
            for patch in (status, unlabelled):
                answer = await api.client.patch(path("argocd", "a"), content=json.dumps(patch), headers=MERGE)
                assert answer.status_code == 200
            for function in FUNCTIONS:
                arrivals = await subscriber.until(f"/{function}/", 3)
                told = {(one.headers["Ce-Type"].rpartition(".")[2], one.headers["Ce-Name"]) for one in arrivals}
                assert told == {("add", "a"), ("update", "a"), ("delete", "a")}
                update = next(one for one in arrivals if one.headers["Ce-Type"].endswith("update"))
                assert json.loads(update.body)["status"]["health"] == {"status": "Healthy"}
                assert update.headers["Ce-Subject"] == path("argocd", "a")

    asyncio.run(run())
