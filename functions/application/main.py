"""The application function: wiring, and the target that functions-framework serves."""

import functools
import time

import functions_framework
from flask import Request, Response

from functions.application.handler import ApplicationHandler
from functions.application.settings import ApplicationSettings
from shared.kinds import APPLICATION
from shared.oci import Credentials, HostPolicy, Resolver
from shared.reconciler import Reconciler
from shared.telemetry import configure_logging
from shared.web import Endpoint
from shared.wiring import Wiring


def build(settings: ApplicationSettings) -> Endpoint:
    """The function's HTTP interface with everything behind it. Makes no request."""
    wiring = Wiring(settings)
    resolver = Resolver(
        policy=HostPolicy(allowed=settings.allowed_registries, mirrors=settings.registry_mirrors),
        credentials=Credentials.from_file(settings.registry_credentials_file)
        if settings.registry_credentials_file
        else None,
        timeout=settings.registry_timeout,
    )
    handler = ApplicationHandler(
        admission=wiring.admission(),
        voltran=wiring.voltran,
        resolve_all=resolver.resolve_all,
        layout=wiring.layout(settings.value_files),
    )
    reconciler = Reconciler(APPLICATION, wiring.kube, handler.converge, metrics=wiring.metrics, pause=time.sleep)
    return Endpoint(
        react=reconciler.react, pings=wiring.pings(), metrics=wiring.metrics, body_limit=settings.body_limit
    )


@functools.cache
def _endpoint() -> Endpoint:
    configure_logging()
    return build(ApplicationSettings.from_environment())


@functions_framework.http
def application(request: Request) -> Response:
    """Answer one request; the first one, normally a probe's, builds what the rest use."""
    return _endpoint()(request)
