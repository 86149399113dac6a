"""A function's HTTP side as these tests call it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import functions_framework
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.events import Event
from shared.telemetry import Metrics
from shared.web import Endpoint, Reply

LIMIT = 1000
KNATIVE_CRASHES_ABOVE = 500
"""Bytes of an error's body (ARCHITECTURE: how a function answers)."""

EVENT = {"ce-id": "1", "ce-source": "test", "ce-specversion": "1.0", "ce-type": "dev.knative.sources.ping"}
React = Callable[[Event], Reply | None]


def serve(react: React = lambda _: None, **fields: Any) -> FlaskClient:
    """A client of a function that reacts so."""
    endpoint = Endpoint(
        **{"react": react, "pings": {}, "metrics": Metrics(), "body_limit": LIMIT} | fields  # type: ignore[arg-type]  # a table's fields
    )
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]  # the library's
        "probe", str(Path(__file__).with_name("web_target.py")), "http"
    )
    app.config["ENDPOINT"] = endpoint
    client: FlaskClient = app.test_client()
    return client


def assert_short(answer: TestResponse) -> None:
    """Nothing that Knative's dispatcher would not survive, and nothing it would take for a failed success."""
    if 200 <= answer.status_code < 300:
        assert answer.data == b"" or "ce-type" in answer.headers
    else:
        assert len(answer.data) <= KNATIVE_CRASHES_ABOVE
        answer.data.decode()
