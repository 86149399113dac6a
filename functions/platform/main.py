"""The platform function: wiring, and the target that functions-framework serves."""

import functools
import time

import functions_framework
from flask import Request, Response

from functions.platform.handler import PlatformHandler
from functions.platform.settings import PlatformSettings
from shared.kinds import PLATFORM
from shared.reconciler import Reconciler
from shared.telemetry import configure_logging
from shared.web import Endpoint
from shared.wiring import Wiring


def build(settings: PlatformSettings) -> Endpoint:
    """The function's HTTP interface with everything behind it. Makes no request."""
    wiring = Wiring(settings)
    handler = PlatformHandler(
        admission=wiring.admission(), voltran=wiring.voltran, layout=wiring.layout(settings.value_files)
    )
    reconciler = Reconciler(PLATFORM, wiring.kube, handler.converge, metrics=wiring.metrics, pause=time.sleep)
    return Endpoint(
        react=reconciler.react, pings=wiring.pings(), metrics=wiring.metrics, body_limit=settings.body_limit
    )


@functools.cache
def _endpoint() -> Endpoint:
    configure_logging()
    return build(PlatformSettings.from_environment())


@functions_framework.http
def platform(request: Request) -> Response:
    """Answer one request; the first one, normally a probe's, builds what the rest use."""
    return _endpoint()(request)
