"""The steps between a cluster that serves and functions that can start: the chart, its Job, and what follows."""

import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sandbox.supervisor import cluster
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
from sandbox.supervisor.startup import Report, Step
from sandbox.supervisor.wake import wake

if TYPE_CHECKING:
    from sandbox.supervisor.chart import Rendering
    from sandbox.supervisor.release import Cluster

RENDERED: Final = "chart"
PATIENCE: Final = 900.0
"""Seconds that somebody has to install the chart."""
_POLL: Final = 0.3


def steps(blueprint: Blueprint, report: Report) -> list[Step]:
    """What is to be done while the components of a blueprint come up."""
    served = frozenset({BROKER, *SERVICES})
    if blueprint.options.kubeconfig:
        return [*_real_cluster(blueprint), Step("wake", lambda: wake(blueprint.url(BROKER)), served)]
    work = _Installation(blueprint, report)
    told = served | ({SOURCE} if blueprint.options.event_source == "sandbox" else set())
    own = blueprint.options.chart == "sandbox"
    gitea = {GITEA} if own and not blueprint.options.gitea_url else set()
    return [
        Step(RENDERED, work.prepare),
        Step("forget", work.forget, frozenset({APISERVER})),
        Step(INSTALLED, work.install if own else work.await_install, frozenset({RENDERED, "forget"})),
        # As Helm runs it, and beside the rest: nothing of that waits for it but the functions.
        Step(SECRETS_READY, work.make_secrets if gitea else _nothing, frozenset({RENDERED, "forget", NODE, *gitea})),
        Step("statuses", work.say_ready, told),
        Step("wake", lambda: wake(blueprint.url(BROKER)), frozenset({"statuses", *served})),
    ]


def _real_cluster(blueprint: Blueprint) -> list[Step]:
    """A real cluster gets our kinds, and nothing of what would run there."""
    options = blueprint.options

    def install() -> None:
        from sandbox.supervisor import services  # noqa: PLC0415 - Helm's engine and HTTP, for those who start something

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
        self._rendering: Rendering | None = None

    def prepare(self) -> None:
        """Render the chart while the API server comes up."""
        import yaml  # noqa: PLC0415 - as below

        from sandbox.supervisor import chart  # noqa: PLC0415 - Helm's engine and HTTP, for those who start something

        given = chart.values(self._blueprint)
        write_private(self._blueprint.values_file, yaml.safe_dump(given, sort_keys=False))
        if self._blueprint.options.chart == "sandbox":
            self._rendering = chart.render(given)

    def forget(self) -> None:
        """Take away the tokens of a Gitea that is no longer the one."""
        from sandbox.supervisor import release  # noqa: PLC0415 - as above

        release.forget_tokens(self._cluster(), self._blueprint.options.gitea_url or "")

    def install(self) -> None:
        """Apply the chart, unless the very same is there."""
        from sandbox.supervisor import release  # noqa: PLC0415 - as above

        api, credentials = self._cluster(), self._blueprint.credentials
        foreign = self._blueprint.options.gitea_url or ""
        release.install(api, self._rendered, foreign)
        if foreign:
            for name, values in credentials.given.items():
                api.apply(release.secret(name, values))
        self._configure()

    def await_install(self) -> None:
        """Wait until somebody has installed the chart, and say how. Raises `NotInstalled`."""
        from sandbox.supervisor import release, services  # noqa: PLC0415 - as above

        api, blueprint = self._cluster(), self._blueprint
        admin = {"username": ADMINISTRATOR, "password": blueprint.credentials.admin_password or ""}
        if not blueprint.options.gitea_url:
            api.apply(release.secret(_admin_secret(), admin))
        self._report("chart", f"waits for you: {self._line()}")
        deadline = time.monotonic() + PATIENCE
        seen = None
        while (found := services.read(api)) != seen or not found.complete:  # Helm is done when nothing more comes
            seen = found
            if time.monotonic() > deadline:
                raise NotInstalled(f"nobody installed the chart within {PATIENCE:.0f} s: {self._line()}")
            time.sleep(_POLL)  # a person, or a script: minutes may pass
        self._report("chart", "ready")
        self._configure()

    def make_secrets(self) -> None:
        """Run the chart's Job where it has something to do."""
        from sandbox.supervisor import release  # noqa: PLC0415 - as above

        api, blueprint = self._cluster(), self._blueprint
        if release.is_installed(api, self._rendered) and _tokens_work(api, blueprint.gitea):
            return
        admin = {"username": ADMINISTRATOR, "password": blueprint.credentials.admin_password or ""}
        api.apply(release.secret(_admin_secret(), admin))
        release.run_hooks(api, self._rendered.hooks_of("pre-install"))

    def say_ready(self) -> None:
        """Write the statuses that Knative would."""
        from sandbox.supervisor import services  # noqa: PLC0415 - as above

        services.write_statuses(self._blueprint, services.installed(self._blueprint), lambda _name: True)

    @property
    def _rendered(self) -> "Rendering":
        if self._rendering is None:
            raise NotInstalled("the chart was not rendered")
        return self._rendering

    def _configure(self) -> None:
        from sandbox.supervisor import services  # noqa: PLC0415 - as above

        services.configure(self._blueprint, services.installed(self._blueprint))
        services.write_source_kubeconfig(self._blueprint)

    def _cluster(self) -> "Cluster":
        from sandbox.supervisor.release import Cluster  # noqa: PLC0415 - as above

        return Cluster(self._blueprint.kubeconfig)

    def _line(self) -> str:
        return (
            f"helm --kubeconfig {self._blueprint.kubeconfig} install infraforge knative/ --namespace {SYSTEM} "
            f"--values {self._blueprint.values_file}"
        )


def _admin_secret() -> str:
    from sandbox.supervisor.chart import ADMIN_SECRET  # noqa: PLC0415 - as above

    return ADMIN_SECRET


def _tokens_work(api: "Cluster", gitea: str) -> bool:
    """Whether the functions' and ArgoCD's tokens still let somebody in (a wiped Gitea forgets them)."""
    import base64  # noqa: PLC0415 - as above

    from sandbox.node.api import SECRET  # noqa: PLC0415 - as above
    from sandbox.supervisor.release import TOKEN_SECRETS  # noqa: PLC0415 - as above

    for name in TOKEN_SECRETS:
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
