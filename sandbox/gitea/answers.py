"""Responses with Gitea's content types and its JSON (one line, a newline at the end)."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


class JsonAnswer(Response):
    """A JSON body as Gitea's encoder writes it."""

    def __init__(self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        super().__init__(body, status_code, {"content-type": "application/json;charset=utf-8", **(headers or {})})


class TextAnswer(Response):
    """A plain text body; `spaced` puts a space before the charset, which depends on the part of Gitea that answers."""

    def __init__(
        self, text: str, status_code: int = 200, *, spaced: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        content_type = "text/plain; charset=utf-8" if spaced else "text/plain;charset=utf-8"
        super().__init__(text.encode(), status_code, {"content-type": content_type, **(headers or {})})


def no_content() -> Response:
    """204 without a content type."""
    return Response(status_code=204)
