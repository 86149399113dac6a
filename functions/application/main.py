"""The application function: wiring, and the target that functions-framework serves."""

import functools

import functions_framework
from flask import Request, Response

from functions.application.handler import ApplicationHandler
from functions.application.settings import ApplicationSettings
from shared.attempt import Trace
from shared.kinds import APPLICATION
from shared.oci import ChartRegistries, CredentialsFile, HostPolicy, Resolver
from shared.telemetry import configure_logging
from shared.web import Endpoint
from shared.wiring import Wiring


def build(settings: ApplicationSettings, trace: Trace = lambda _: None) -> Endpoint:
    """The function's HTTP interface with everything behind it. Makes no request."""
    wiring = Wiring(settings, trace)
    file = settings.registry_credentials_file
    policy = HostPolicy(allowed=settings.allowed_registries, mirrors=settings.registry_mirrors)
    credentials = CredentialsFile(file) if file else None
    timeout, cool_down = settings.registry_timeout, settings.registry_cool_down
    resolver = Resolver(policy=policy, credentials=credentials, timeout=timeout, cool_down=cool_down)
    registries = ChartRegistries(policy=policy, credentials=credentials, timeout=timeout, cool_down=cool_down)
    handler = ApplicationHandler(
        admission=wiring.admission(),
        kube=wiring.kube,
        voltran=wiring.voltran,
        limits=wiring.limits(),
        last_mile=wiring.last_mile,
        gate=wiring.gate(registries),
        resolve_all=resolver.resolve_all,
        layout=wiring.layout(settings.value_files),
    )
    return wiring.endpoint(wiring.reactor(APPLICATION, handler, handler))


@functools.cache
def _endpoint() -> Endpoint:
    configure_logging()
    return build(ApplicationSettings.from_environment())


@functions_framework.http
def application(request: Request) -> Response:
    """Answer one request; the first one, normally a probe's, builds what the rest use."""
    return _endpoint()(request)
