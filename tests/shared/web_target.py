"""The source file that functions-framework loads in tests: it serves whatever endpoint the test put beside it."""

from flask import Request, Response, current_app


def probe(request: Request) -> Response:
    """Answer with the endpoint in the app's configuration."""
    answer: Response = current_app.config["ENDPOINT"](request)
    return answer
