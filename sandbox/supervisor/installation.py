"""The steps between a cluster that serves and functions that can start: the chart, its Job, and what follows.

Importing this imports Helm's engine and HTTP: only who starts something does.
"""

import base64
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

import yaml

from sandbox.argocd.api import ApiError
from sandbox.node.api import SECRET
from sandbox.supervisor import chart, cluster, release, services
from sandbox.supervisor.accounts import ADMINISTRATOR, ensure_tokens
from sandbox.supervisor.components import (
    APISERVER,
    BROKER,
    GITEA,
    INSTALLED,
    NAMESPACES,
    NODE,
    SECRETS_READY,
    SOURCE,
    SYSTEM,
    Blueprint,
)
from sandbox.supervisor.directory import write_private
from sandbox.supervisor.errors import NotInstalled
from sandbox.supervisor.knative import SERVICES
from sandbox.supervisor.release import Cluster
from sandbox.supervisor.startup import Report, Step
from sandbox.supervisor.wake import wake

RENDERED: Final = "rendering"
KNOWN: Final = "what was installed"
PATIENCE: Final = 900.0
"""Seconds that somebody has to install the chart."""
_POLL: Final = 0.3


def steps(blueprint: Blueprint, report: Report) -> list[Step]:
    """What is to be done while the components of a blueprint come up. A step raises `SandboxError`.

    For a real cluster also what `shared.kube` raises.
    """
    return [replace(step, run=_telling(step.run)) for step in _steps(blueprint, report)]


def _telling(run: Callable[[], None]) -> Callable[[], None]:
    """`run`, with what the sandbox's own API server refuses told as what it is."""

    def told() -> None:
        try:
            run()
        except ApiError as error:
            raise NotInstalled(f"the chart is not installed: {error}") from error

    return told


def _steps(blueprint: Blueprint, report: Report) -> list[Step]:
    served = frozenset({BROKER, *SERVICES})
    if blueprint.options.kubeconfig:
        return [*_real_cluster(blueprint), Step("wake", lambda: wake(blueprint.url(BROKER)), served)]
    work = _Installation(blueprint, report)
    told = served | ({SOURCE} if blueprint.options.event_source == "sandbox" else set())
    own = blueprint.options.chart == "sandbox"
    gitea = {GITEA} if own and not blueprint.options.gitea_url else set()
    return [
        Step(RENDERED, work.prepare),
        Step(KNOWN, work.look_back, frozenset({RENDERED, APISERVER})),
        Step(INSTALLED, work.install if own else work.await_install, frozenset({KNOWN})),
        # As Helm runs it, and beside the rest: nothing of that waits for it but the functions.
        Step(SECRETS_READY, work.make_secrets if gitea else _nothing, frozenset({KNOWN, NODE, *gitea})),
        Step("statuses", work.say_ready, told),
        Step("wake", lambda: wake(blueprint.url(BROKER)), frozenset({"statuses", *served})),
    ]


def _real_cluster(blueprint: Blueprint) -> list[Step]:
    """A real cluster gets our kinds, and nothing of what would run there."""
    options = blueprint.options

    def install() -> None:
        cluster.install(blueprint.kubeconfig, NAMESPACES)
        services.configure(blueprint, services.installed(blueprint))

    def mint() -> None:
        ensure_tokens(blueprint.gitea, blueprint.credentials, options.organization)

    gitea = frozenset() if options.gitea_url else frozenset({GITEA})
    return [Step(INSTALLED, install), Step(SECRETS_READY, mint if gitea else _nothing, gitea)]


def _nothing() -> None:
    """What is to be done is done."""


class _Installation:
    """The steps in the sandbox's own cluster, which hand on to each other what they found."""

    def __init__(self, blueprint: Blueprint, report: Report) -> None:
        self._blueprint = blueprint
        self._report = report
        self._foreign = blueprint.options.gitea_url or ""
        self._rendering = chart.Rendering((), (), "")
        self._is_same = False

    def prepare(self) -> None:
        """Render the chart while the API server comes up."""
        given = chart.values(self._blueprint)
        write_private(self._blueprint.values_file, yaml.safe_dump(given, sort_keys=False))
        if self._blueprint.options.chart == "sandbox":
            self._rendering = chart.render(given)

    def look_back(self) -> None:
        """What was installed before, and for which Gitea: the tokens of one are never shown to another."""
        with closing(Cluster(self._blueprint.kubeconfig)) as api:
            release.forget_tokens(api, self._foreign)
            self._is_same = release.is_installed(api, self._rendering)

    def install(self) -> None:
        """Apply the chart, unless the very same is there."""
        with closing(Cluster(self._blueprint.kubeconfig)) as api:
            release.install(api, self._rendering, self._foreign)
            if self._foreign:
                for name, values in self._blueprint.credentials.given.items():
                    api.apply(release.secret(name, values))
        self._configure()

    def await_install(self) -> None:
        """Wait until somebody has installed the chart, and say how. Raises `NotInstalled`."""
        with closing(Cluster(self._blueprint.kubeconfig)) as api:
            if not services.read(api).complete:
                if not self._foreign:
                    api.apply(self._admin())
                self._report("chart", f"waits for you: {self._line()}")
                self._await(api)
                self._report("chart", "ready")
        self._configure()

    def _await(self, api: Cluster) -> None:
        deadline, seen = time.monotonic() + PATIENCE, None
        while (found := services.read(api)) != seen or not found.complete:  # Helm is done when nothing more comes
            seen = found
            if time.monotonic() > deadline:
                raise NotInstalled(f"nobody installed the chart within {PATIENCE:.0f} s: {self._line()}")
            time.sleep(_POLL)  # a person, or a script: minutes may pass

    def make_secrets(self) -> None:
        """Run the chart's Job where it has something to do."""
        with closing(Cluster(self._blueprint.kubeconfig)) as api:
            if self._is_same and _tokens_work(api, self._blueprint.gitea):
                return
            api.apply(self._admin())
            release.run_hooks(api, self._rendering.hooks_of("pre-install"))

    def say_ready(self) -> None:
        """Write the statuses that Knative would."""
        services.write_statuses(self._blueprint, services.installed(self._blueprint), lambda _name: True)

    def _configure(self) -> None:
        services.configure(self._blueprint, services.installed(self._blueprint))
        services.write_source_kubeconfig(self._blueprint)

    def _admin(self) -> release.Json:
        """Gitea's administrator, as an operator names one to the chart."""
        password = self._blueprint.credentials.admin_password or ""
        return release.secret(chart.ADMIN_SECRET, {"username": ADMINISTRATOR, "password": password})

    def _line(self) -> str:
        return (
            f"helm --kubeconfig {self._blueprint.kubeconfig} install {chart.RELEASE} knative/ --namespace {SYSTEM} "
            f"--values {self._blueprint.values_file}"
        )


def _tokens_work(api: Cluster, gitea: str) -> bool:
    """Whether the functions' and ArgoCD's tokens still let somebody in (a wiped Gitea forgets them)."""
    for name in release.TOKEN_SECRETS:
        data = (api.get(SECRET, SYSTEM, name) or {}).get("data")
        if not data:
            return False
        token = base64.b64decode(data.get("token", "")).decode()
        if token and not _lets_in(gitea, token):
            return False
    return True


def _lets_in(gitea: str, token: str) -> bool:
    """A token that may not read its own user is refused with 403, one that Gitea does not know with 401."""
    parts = urlsplit(gitea)
    made = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = made(parts.netloc, timeout=5)
    try:
        connection.request("GET", f"{parts.path}/api/v1/user", headers={"Authorization": f"token {token}"})
        return connection.getresponse().status in (200, 403)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
