"""The platform function: wiring, and the target that functions-framework serves."""

import functools

import functions_framework
from flask import Request, Response

from functions.platform.handler import PlatformHandler
from functions.platform.settings import PlatformSettings
from shared.attempt import Trace
from shared.kinds import PLATFORM
from shared.telemetry import configure_logging
from shared.web import Endpoint
from shared.wiring import Wiring


def build(settings: PlatformSettings, trace: Trace = lambda _: None) -> Endpoint:
    """The function's HTTP interface with everything behind it. Makes no request."""
    wiring = Wiring(settings, trace)
    handler = PlatformHandler(
        admission=wiring.admission(),
        voltran=wiring.voltran,
        limits=wiring.limits(),
        last_mile=wiring.last_mile,
        gate=wiring.gate(),
        kube=wiring.kube,
        layout=wiring.layout(settings.value_files),
    )
    return wiring.endpoint(wiring.reactor(PLATFORM, handler, handler))


@functools.cache
def _endpoint() -> Endpoint:
    configure_logging()
    return build(PlatformSettings.from_environment())


@functions_framework.http
def platform(request: Request) -> Response:
    """Answer one request; the first one, normally a probe's, builds what the rest use."""
    return _endpoint()(request)
