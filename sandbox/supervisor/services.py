"""The functions' processes, made from the Knative Services of an installation, and what they and others are told.

In the sandbox's own cluster everything is read from the API server: whoever installed the chart there, ours or Helm. A
real cluster is given no Knative objects by the sandbox: there the chart is rendered alone, and the functions have the
user's own rights, and their credentials from the sandbox's files.
"""

import base64
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import yaml

from sandbox.argocd.api import ApiError, Kind
from sandbox.node.api import SECRET, SERVICE, NodeApi, Objects, Server, Token, server_of
from sandbox.node.container import process_of
from sandbox.node.errors import NotStartable
from sandbox.node.images import SELECTOR
from sandbox.node.mounts import Mounts
from sandbox.node.pod import Pod, service_root
from sandbox.supervisor import chart, conditions, knative
from sandbox.supervisor.components import BROKER, NODE, SYSTEM, Blueprint, Launch
from sandbox.supervisor.directory import write_private
from sandbox.supervisor.errors import NotInstalled
from sandbox.supervisor.knative import SERVICES, Installed, name_of
from sandbox.supervisor.options import RESYNC_INTERVAL
from sandbox.supervisor.release import Cluster
from shared.claims.meta import API_VERSION

Json = dict[str, Any]

PREFIX: Final = "infraforge-"
SOURCE_ACCOUNT: Final = "infraforge-source"
KINDS: Final = (
    SERVICE,
    Kind("eventing.knative.dev", "v1", "Broker", "brokers", namespaced=True),
    Kind("eventing.knative.dev", "v1", "Trigger", "triggers", namespaced=True),
    Kind("sources.knative.dev", "v1", "ApiServerSource", "apiserversources", namespaced=True),
    Kind("sources.knative.dev", "v1", "PingSource", "pingsources", namespaced=True),
)
_CLAIMS: Final = f"/apis/{API_VERSION}/applicationclaims"
_UNAUTHORIZED: Final = 401
_TEN_YEARS: Final = 10 * 365 * 24 * 3600
_NO_TOKEN: Final = {"automountServiceAccountToken": False}


def read(cluster: Cluster) -> Installed:
    """What is installed in a cluster."""
    return Installed.of(one for kind in KINDS for one in cluster.every(kind, SELECTOR))


def installed(blueprint: Blueprint) -> Installed:
    """The Knative objects of the installation."""
    if blueprint.options.kubeconfig:
        return Installed.of(chart.render(chart.values(blueprint)).objects)
    with closing(Cluster(blueprint.kubeconfig)) as cluster:
        return read(cluster)


def address_of(blueprint: Blueprint) -> Callable[[str], str]:
    """Where the process of a Knative Service listens, by the Service's name."""

    def address(name: str) -> str:
        component = name.removeprefix(PREFIX)
        if component not in SERVICES or name == component:
            raise NotInstalled(f"the sandbox runs no Knative Service {name}")
        return blueprint.url(component)

    return address


def configure(blueprint: Blueprint, found: Installed) -> list[str]:
    """Write what the broker and the source are told; the names of those whose file changed."""
    every = blueprint.options.resync_interval
    texts = {
        blueprint.triggers_file: knative.broker(found, address_of(blueprint)),
        blueprint.sources_file: knative.sources(found, every if every != RESYNC_INTERVAL else None),
    }
    changed = []
    for path, content in texts.items():
        text = yaml.safe_dump(content, sort_keys=False)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_private(path, text)
            changed.append(path.stem)
    return changed


def launch_of(blueprint: Blueprint, name: str) -> Launch:
    """The process of a function, with its Secrets mounted. Raises `NotInstalled`."""
    service = next((one for one in installed(blueprint).services if name_of(one) == PREFIX + name), None)
    if service is None:
        raise NotInstalled(f"the cluster has no Knative Service {PREFIX}{name}")
    pod = Pod.of_service(dict(service))
    root = service_root(blueprint.directory.component(NODE), pod.namespace, pod.name)
    if blueprint.options.kubeconfig:
        without_token = replace(pod, spec=pod.spec | _NO_TOKEN)
        launch = _launch(
            blueprint, name, Mounts(without_token, root, _Given(blueprint)), without_token, _Given(blueprint)
        )
        own = {"INFRAFORGE_KUBECONFIG": str(blueprint.kubeconfig)}
        return replace(launch, environment=dict(launch.environment) | own)
    with closing(NodeApi(blueprint.kubeconfig)) as api:
        return replace(_launch(blueprint, name, Mounts(pod, root, api), pod, api), revision=revision_of(service))


def _launch(blueprint: Blueprint, name: str, mounts: Mounts, pod: Pod, api: Objects) -> Launch:
    port = blueprint.ports.get(name, 0)
    try:
        mounts.refresh()
        process = process_of(pod.spec["containers"][0], pod=pod, mounts=mounts, api=api, port=port)
    except (NotStartable, ApiError) as error:
        raise NotInstalled(f"{name} cannot start: {error}") from error
    return Launch(process.arguments, process.environment)


def revision_of(service: Mapping[str, Any]) -> str:
    """What a process of the Service was made from: another revision is another process."""
    return f"{service['metadata'].get('uid', '')}/{service['metadata'].get('generation', 0)}"


def write_source_kubeconfig(blueprint: Blueprint) -> None:
    """The source's way into the sandbox's cluster: a token of its own account, for as long as the sandbox lives."""
    with closing(NodeApi(blueprint.kubeconfig)) as api:
        token = api.token(SYSTEM, SOURCE_ACCOUNT, {"audiences": [], "expirationSeconds": _TEN_YEARS})
    if token is None:
        raise NotInstalled(f"the cluster has no ServiceAccount {SYSTEM}/{SOURCE_ACCOUNT}")
    document = yaml.safe_load(blueprint.kubeconfig.read_text(encoding="utf-8"))
    document["users"] = [{"name": one["name"], "user": {"token": token.text}} for one in document["users"]]
    write_private(blueprint.source_kubeconfig, yaml.safe_dump(document, sort_keys=False))


def is_source_let_in(blueprint: Blueprint) -> bool:
    """Whether the source's token is good: one whose account was deleted is not, nor for an account of the same name."""
    with closing(Cluster(blueprint.source_kubeconfig)) as cluster:
        try:
            cluster.list(_CLAIMS, {"limit": "1"})
        except ApiError as error:
            return error.code != _UNAUTHORIZED  # what else is wrong, no other token mends
    return True


def write_statuses(blueprint: Blueprint, found: Installed, ready: Callable[[str], bool]) -> None:
    """Say of every Knative object what its controller would; `ready` tells whether a component serves."""
    address = address_of(blueprint)
    sink = f"{blueprint.url(BROKER)}/{SYSTEM}/{chart.RELEASE}"
    statuses = [
        *(
            (one, conditions.of_service(one, address(name_of(one)), ready=ready(name_of(one).removeprefix(PREFIX))))
            for one in found.services
        ),
        *((one, conditions.of_broker(one, blueprint.url(BROKER))) for one in found.brokers),
        *((one, conditions.of_trigger(one, address)) for one in found.triggers),
        *((one, conditions.of_source(one, sink)) for one in (*found.api_server_sources, *found.ping_sources)),
    ]
    with closing(Cluster(blueprint.kubeconfig)) as cluster:
        for document, status in statuses:
            if not conditions.same(document.get("status") or {}, status):
                kind = next(one for one in KINDS if one.kind == document["kind"])
                metadata = document["metadata"]
                cluster.patch(kind, metadata["namespace"], metadata["name"], {"status": status}, "status")


@dataclass(frozen=True)
class _Given:
    """The Secrets that the sandbox has itself, in place of a cluster's."""

    blueprint: Blueprint

    @cached_property
    def server(self) -> Server:
        return server_of(self.blueprint.kubeconfig)

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        held = self.blueprint.credentials.given.get(name)
        if kind != SECRET or namespace != SYSTEM or held is None:
            return None
        return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in held.items()}}

    def token(self, namespace: str, account: str, spec: Json) -> Token | None:
        return None
