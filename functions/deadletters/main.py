"""The deadletters function: wiring, and the target that functions-framework serves."""

import functools

import functions_framework
from flask import Request, Response

from functions.deadletters.arrival import parse
from functions.deadletters.broker import Broker
from functions.deadletters.handler import Handler
from functions.deadletters.notice import Notice
from functions.deadletters.settings import DeadLettersSettings
from functions.deadletters.store import Store, outcomes
from shared.identity import senders
from shared.kube import connect
from shared.telemetry import Metrics, configure_logging
from shared.tracing import Tracing
from shared.web import Endpoint


def build(settings: DeadLettersSettings) -> Endpoint:
    """The function's HTTP interface with everything behind it. Makes no request."""
    kube, metrics = connect(settings.kubeconfig, timeout=settings.timeout), Metrics()
    counted = outcomes(metrics)
    handler = Handler(
        Store(kube, settings.system_namespace, most=settings.letters_kept, counted=counted),
        Notice(kube),
        Broker(settings.broker_url, token=settings.broker_token, timeout=settings.timeout),
        counted=counted,
    )
    return Endpoint(
        react=handler.react,
        parse=parse,
        done=202,
        pings={"kubernetes": kube.ping},
        metrics=metrics,
        body_limit=2 * settings.body_limit,  # what another function finds too large arrives here with the reason
        max_waiting=settings.max_waiting,
        verify=senders(settings, kube),
        tracing=Tracing.to(settings.traces_endpoint, f"infraforge-{settings.function}"),
    )


@functools.cache
def _endpoint() -> Endpoint:
    configure_logging()
    return build(DeadLettersSettings.from_environment())


@functions_framework.http
def deadletters(request: Request) -> Response:
    """Answer one request; the first one, normally a probe's, builds what the rest use."""
    return _endpoint()(request)
