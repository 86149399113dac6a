"""The least that a functions-framework target can do with an event: parse it, and answer 204."""

import functions_framework
from cloudevents.http import from_http
from flask import Request, Response


@functions_framework.http
def empty(request: Request) -> Response:
    """Parse the event with the CloudEvents SDK, and have nothing to say; tell a probe that all is well."""
    if request.method == "GET":
        return Response("ok\n")
    from_http(dict(request.headers), request.get_data())
    return Response(status=204)
