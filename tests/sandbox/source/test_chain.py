"""API server, source and broker as three processes: what happens to a claim becomes events at a subscriber."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from sandbox.source.kubeconfig import read
from tests.sandbox.broker.processes import Running, stand_in
from tests.sandbox.broker.subscriber import Answer, Subscriber

RECORDED = Path(__file__).parents[2] / "recordings/kubernetes"
CLAIMS = "/apis/platform.infraforge.io/v1alpha1/namespaces/dev/applicationclaims"
SOURCES = """
apiServerSources:
  - {name: claims, resources: [{apiVersion: platform.infraforge.io/v1alpha1, kind: ApplicationClaim}]}
"""


@asynccontextmanager
async def _api_server(folder: Path) -> AsyncIterator[Running]:
    """Started twice: it writes the kubeconfig, with the authority to trust, before it serves for the first time."""
    arguments = ["--data-dir", str(folder), "--crds", str(RECORDED / "crd.yaml"), "--namespaces", "dev"]
    kubeconfig = folder / "kubeconfig"
    async with stand_in("apiserver", *arguments), asyncio.timeout(20):
        while not kubeconfig.exists():
            await asyncio.sleep(0.02)  # a file tells nobody that it is there
    cluster = read(kubeconfig)
    async with stand_in("apiserver", *arguments, scheme="https", tls=cluster.tls) as api:
        api.client.headers["Authorization"] = f"Bearer {cluster.token}"
        await api.until("/readyz")
        yield api


@asynccontextmanager
async def _chain(folder: Path, subscriber: str) -> AsyncIterator[tuple[Running, Running, Running]]:
    """API server, broker and source, all ready, with one trigger for the kind ApplicationClaim."""
    triggers = [
        {"name": "a", "filter": {"attributes": {"kind": "ApplicationClaim"}}, "subscriber": {"uri": subscriber}}
    ]
    (folder / "triggers.yaml").write_text(yaml.safe_dump({"triggers": triggers}))
    (folder / "sources.yaml").write_text(SOURCES)
    to_broker = ["--data-dir", str(folder), "--config", str(folder / "triggers.yaml")]
    async with _api_server(folder / "api") as api, stand_in("broker", *to_broker) as broker:
        await broker.until("/healthz")
        to_source = ["--kubeconfig", str(folder / "api/kubeconfig"), "--config", str(folder / "sources.yaml")]
        async with stand_in("source", *to_source, "--sink", str(broker.client.base_url)) as source:
            await source.until("/healthz")
            yield api, broker, source


def test_what_happens_to_a_claim_is_told(tmp_path: Path) -> None:
    """Create, change and delete, each once; then broker and source end when they are asked to."""
    claim = yaml.safe_load((RECORDED / "claim.yaml").read_text())
    path = f"{CLAIMS}/{claim['metadata']['name']}"

    async def run() -> None:
        async with (
            Subscriber(lambda _path, _number: Answer(204)).running() as subscriber,
            _chain(tmp_path, f"{subscriber.url}/claims") as (api, broker, source),
        ):
            assert (await api.client.post(CLAIMS, json=claim)).status_code == 201
            label = json.dumps({"metadata": {"labels": {"team": "shop"}}})
            patch = {"Content-Type": "application/merge-patch+json"}
            assert (await api.client.patch(path, content=label, headers=patch)).status_code == 200
            assert (await api.client.delete(path)).status_code == 200
            arrivals = await subscriber.until("/claims", 3)
            changes = {arrival.headers["Ce-Type"].rpartition(".")[2]: arrival for arrival in arrivals}
            assert set(changes) == {"add", "update", "delete"}
            assert json.loads(changes["update"].body)["metadata"]["labels"] == {"team": "shop"}
            assert {arrival.headers["Ce-Subject"] for arrival in arrivals} == {path}
            assert {arrival.headers["Ce-Source"] for arrival in arrivals} == {str(api.client.base_url).rstrip("/")}
            for running in (source, broker):
                running.process.terminate()
                assert await running.process.wait() == 0

    asyncio.run(run())
