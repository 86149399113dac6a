"""The least that a functions-framework target can do with an event: parse it, and answer 204."""

import functions_framework
from cloudevents.http import from_http
from flask import Request, Response


@functions_framework.http
def empty(request: Request) -> Response:
    """Parse the event with the CloudEvents SDK, and have nothing to say."""
    from_http(dict(request.headers), request.get_data())
    return Response(status=204)


@functions_framework.http
def health(_: Request) -> Response:
    """Answer a probe."""
    return Response("ok\n")
