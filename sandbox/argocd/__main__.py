"""`python -m sandbox.argocd`: deploy what Git says until SIGTERM; GET /healthz is 200 while every watch is open."""

import argparse
import sys
from pathlib import Path

from sandbox import watcher
from sandbox.argocd.api import ApiError
from sandbox.argocd.controller import POLL, ArgoCD, EngineMissing, Settings
from sandbox.argocd.repositories import Addresses
from sandbox.source import kubeconfig


def main() -> None:
    """Parse the command line and work."""
    arguments = _parser().parse_args()
    watcher.configure_logging()
    ending = watcher.ending()
    try:
        argocd = ArgoCD(_settings(arguments))
        with argocd, watcher.answering(arguments.host, arguments.port, lambda: argocd.problems):
            ending.wait()
    except (OSError, ValueError, KeyError, ApiError, EngineMissing) as error:
        sys.exit(f"ArgoCD does not start: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.argocd", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="of the probe, GET /healthz")
    parser.add_argument("--data-dir", type=Path, required=True, help="where clones are kept")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="of the API server, a real one or not")
    parser.add_argument("--context", help="the kubeconfig's context, if not its current one")
    parser.add_argument("--namespace", default="argocd", help="where Applications, sets, projects and Secrets are")
    parser.add_argument("--gitea-url", required=True, metavar="URL", help="what Git's addresses begin with")
    parser.add_argument("--gitea-endpoint", metavar="URL", help="where to connect for those, if elsewhere")
    parser.add_argument(
        "--registry-mirror",
        action="append",
        default=[],
        metavar="HOST=URL",
        help="connect to URL for charts of the registry HOST; may be given again",
    )
    parser.add_argument("--poll-interval", type=float, default=POLL, metavar="SECONDS", help="%(default)s as in ArgoCD")
    return parser


def _settings(arguments: argparse.Namespace) -> Settings:
    mirrors = dict(mirror.partition("=")[::2] for mirror in arguments.registry_mirror)
    return Settings(
        cluster=kubeconfig.read(arguments.kubeconfig, context=arguments.context),
        folder=arguments.data_dir / "repositories",
        addresses=Addresses(arguments.gitea_url, arguments.gitea_endpoint or arguments.gitea_url),
        namespace=arguments.namespace,
        mirrors=mirrors,
        poll=arguments.poll_interval,
    )


if __name__ == "__main__":
    main()
