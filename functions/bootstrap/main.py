"""The bootstrap function: wiring, and the target that functions-framework serves."""

import functools

import functions_framework
from flask import Request, Response

from functions.bootstrap import charts
from functions.bootstrap.handler import BootstrapHandler
from functions.bootstrap.infrastructure import InfrastructureHandler
from functions.bootstrap.settings import BootstrapSettings
from functions.bootstrap.webhook import PATH, Receiver
from shared.attempt import Trace
from shared.kinds import BOOTSTRAP, INFRASTRUCTURE
from shared.telemetry import configure_logging
from shared.web import Endpoint
from shared.wiring import Wiring


def build(settings: BootstrapSettings, trace: Trace = lambda _: None) -> Endpoint:
    """The function's HTTP interface with everything behind it. Makes no request."""
    wiring = Wiring(settings, trace)
    handler = BootstrapHandler(
        settings,
        kube=wiring.kube,
        gitea=wiring.gitea,
        repository=wiring.repository,
        voltran=wiring.voltran,
        last_mile=wiring.last_mile,
        charts=charts.read(settings.charts_dir),
        platform_charts=charts.read(settings.platform_charts_dir),
    )
    infrastructure = InfrastructureHandler(
        admission=wiring.admission(operators_only=True),
        voltran=wiring.voltran,
        limits=wiring.limits(),
        last_mile=wiring.last_mile,
        gate=wiring.gate(),
        kube=wiring.kube,
        layout=wiring.layout(settings.value_files),
        system_namespaces=frozenset({settings.system_namespace, settings.argocd_namespace}),
        bound=settings.environment_namespaces,
    )
    receiver = Receiver(
        secret=settings.signing_secret,
        broker_url=settings.broker_url,
        broker_token=settings.broker_token,
        source=settings.gitea_url,
    )
    return wiring.endpoint(
        wiring.reactor(BOOTSTRAP, handler, handler),
        wiring.reactor(INFRASTRUCTURE, infrastructure, infrastructure),
        routes={("POST", PATH): receiver},
    )


@functools.cache
def _endpoint() -> Endpoint:
    configure_logging()
    return build(BootstrapSettings.from_environment())


@functions_framework.http
def bootstrap(request: Request) -> Response:
    """Answer one request; the first one, normally a probe's, builds what the rest use."""
    return _endpoint()(request)
