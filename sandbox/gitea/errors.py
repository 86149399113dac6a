"""Gitea's error answers.

`{"message", "url"}` for most, `{"errors", "message", "url"}` for what Gitea calls a "not found" error, and plain text
from the parts outside `/api/v1`.
"""

from sandbox.gitea.answers import JsonAnswer, TextAnswer


class ApiError(Exception):
    """An answer of `/api/v1` with `status` and `message`; `errors` is shown unless it is the empty tuple."""

    def __init__(self, status: int, message: str, errors: list[str] | tuple[()] | None = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    def answer(self, root_url: str) -> JsonAnswer:
        """The response, with the address of the API's documentation as Gitea gives it."""
        body: dict[str, object] = {"message": self.message, "url": f"{root_url}/api/swagger"}
        if self.errors != ():
            body = {"errors": self.errors, **body}
        return JsonAnswer(body, self.status)


class NotFound(ApiError):
    """404 as Gitea's `APIErrorNotFound` writes it."""

    def __init__(self, message: str = "not found", errors: list[str] | None = None) -> None:
        super().__init__(404, message, errors)


class Invalid(ApiError):
    """422: the request's body or the names in it."""

    def __init__(self, message: str) -> None:
        super().__init__(422, message)


class NotCovered(ApiError):
    """501: a real Gitea has this, the stand-in does not."""

    def __init__(self, what: str) -> None:
        super().__init__(501, f"the Gitea stand-in does not cover {what}")


class TextError(Exception):
    """An answer in plain text, from the web and Git parts; `spaced` is how Gitea's two writers differ."""

    def __init__(self, status: int, text: str, *, spaced: bool = False, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.spaced = spaced
        self.headers = headers

    def answer(self) -> TextAnswer:
        """The response, byte for byte."""
        return TextAnswer(self.text, self.status, spaced=self.spaced, headers=self.headers)


class Moved(Exception):
    """The repository was renamed: Gitea answers 301 with the address under its new name."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location
