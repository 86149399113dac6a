"""Run the server: `python -m sandbox.apiserver --port 6443 --data-dir DIR --crds crds/`."""

import argparse
import asyncio
import sys
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
import yaml

from sandbox.apiserver import tls
from sandbox.apiserver.access.control import Access
from sandbox.apiserver.access.tokens import Tokens
from sandbox.apiserver.access.users import AUTHENTICATED, MASTERS, User
from sandbox.apiserver.app import create_app
from sandbox.apiserver.cluster import Cluster
from sandbox.apiserver.errors import ApiError
from sandbox.apiserver.storage import Storage
from sandbox.workloads.controllers import Controllers
from sandbox.workloads.settings import Settings

ADMIN = User("kubernetes-admin", (MASTERS, AUTHENTICATED))


class _Server(uvicorn.Server):
    """A server that ends the open watches when it is told to stop, which else hold it up."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        # Not the base class's: that one would raise the signal again after the clean end.
        self.should_exit = True
        app: Any = self.config.app
        asyncio.get_running_loop().call_soon_threadsafe(app.state.close_watches)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Let running requests end, then cut idle connections: TLS clients that keep one do not answer a goodbye."""
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=1)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.apiserver",
        description="A Kubernetes API server for a laptop: CRDs, namespaces, and the kinds that charts render, over "
        "HTTPS. DATA_DIR/kubeconfig opens it.",
        epilog="Authorization is on: the admin's token is of system:masters, service accounts' tokens may do what RBAC "
        "grants. Not covered (404): nodes, webhooks, answers in protobuf, the scale subresource, pods' exec, attach, "
        "port-forward, eviction and binding. Not done: running pods, default service accounts of namespaces, "
        "anonymous users, users' certificates.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=6443, help="port to listen on (%(default)s)")
    parser.add_argument("--data-dir", type=Path, required=True, help="holds objects, certificates, token, kubeconfig")
    parser.add_argument("--admin-token-file", type=Path, help="bearer token of the admin (DATA_DIR/admin.token; made)")
    parser.add_argument("--namespaces", default="", help="names, comma-separated, created if absent")
    parser.add_argument("--crds", type=Path, action="append", default=[], help="file or directory of CRDs; repeatable")
    parser.add_argument("--watch-history", type=int, default=2048, help="events kept per resource (%(default)s)")
    parser.add_argument(
        "--pod-logs",
        type=Path,
        metavar="DIR",
        help="NAMESPACE/POD/CONTAINER.log below it answer pods/log (DATA_DIR/pod-logs)",
    )
    parser.add_argument(
        "--workloads-ready-after",
        type=float,
        metavar="SECONDS",
        help="play the controllers: replicas are available after so long (without it, nothing runs workloads)",
    )
    parser.add_argument(
        "--missing-images",
        default=",".join(Settings.missing_images),
        help="shell patterns, comma-separated, of images that are never pulled (%(default)s)",
    )
    parser.add_argument(
        "--audit-log", type=Path, metavar="FILE", help="one JSON line a request: who, what, allowed or not"
    )
    parser.add_argument("--log-requests", action="store_true", help="one line a request to stderr")
    return parser


def _manifests(path: Path) -> list[dict[str, Any]]:
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    documents = [document for file in files for document in yaml.load_all(file.read_bytes(), yaml.CSafeLoader)]
    return [document for document in documents if document and document.get("kind") == "CustomResourceDefinition"]


class _RefusedCrd(Exception):
    """The text names the file and says what is wrong with the definition."""


def _install(cluster: Cluster, paths: list[Path]) -> None:
    for path in paths:
        for crd in _manifests(path):
            try:
                cluster.ensure_crd(crd)
            except ApiError as error:
                raise _RefusedCrd(f"{path}: {error}") from error


def main() -> int:
    """Serve until SIGTERM or SIGINT; 1 when a CRD is refused."""
    arguments = _parser().parse_args()
    data: Path = arguments.data_dir
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificates = tls.ensure_certificates(data)
    token = tls.ensure_token(arguments.admin_token_file or data / "admin.token")
    url = f"https://{arguments.host}:{arguments.port}"
    tls.write_kubeconfig(data / "kubeconfig", url, certificates.authority, token)
    cluster = Cluster(Storage(data / "objects.db", arguments.watch_history))
    for name in filter(None, arguments.namespaces.split(",")):
        cluster.ensure_namespace(name.strip())
    try:
        _install(cluster, arguments.crds)
    except _RefusedCrd as refused:
        print(refused, file=sys.stderr)
        return 1
    controllers = None
    if arguments.workloads_ready_after is not None:
        patterns = tuple(filter(None, arguments.missing_images.split(",")))
        controllers = Controllers(cluster, Settings(arguments.workloads_ready_after, missing_images=patterns))
    tokens = Tokens(data / "service-accounts.key", url, cluster.storage)
    access = Access(cluster.storage, {token: ADMIN}, tokens, audit_log=arguments.audit_log)
    config = uvicorn.Config(
        create_app(
            cluster,
            access,
            pod_logs=arguments.pod_logs or data / "pod-logs",
            log=arguments.log_requests,
            beside=controllers.run if controllers else None,
        ),
        host=arguments.host,
        port=arguments.port,
        ssl_certfile=certificates.certificate,
        ssl_keyfile=certificates.key,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=1,
    )
    _Server(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
