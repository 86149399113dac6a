"""Lists: selectors, pages (`limit` and `continue`) and the revision that a page belongs to."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver.errors import ApiError, bad_request, expired
from sandbox.apiserver.selectors import Matcher
from sandbox.apiserver.storage import Entry, HistoryGone, Key, Storage

Json = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A part of a list and its metadata: resourceVersion, and continue with remainingItemCount when more follows."""

    entries: list[Entry]
    metadata: Json


def list_page(
    storage: Storage, resource: str, namespace: str, matches: Matcher | None, *, limit: int = 0, token: str = ""
) -> Page:
    """Return the objects that match, or a page of them as they were when the first page was read.

    Raises 400 for a token that cannot be read and 410 for one that is older than the history.
    """
    revision, after = _read(token) if token else (storage.revision, None)
    try:
        rows = storage.entries(resource, namespace, at=revision)
    except HistoryGone as gone:
        raise expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
            "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
            "the results."
        ) from gone
    rows = [(key, entry) for key, entry in rows if after is None or _path(key, namespace) >= after]
    if matches is not None:
        rows = [row for row in rows if matches(row[1].object)]
    metadata: Json = {"resourceVersion": str(revision)}
    if limit and len(rows) > limit:
        metadata["continue"] = _token(revision, _path(rows[limit - 1][0], namespace))
        if matches is None:
            metadata["remainingItemCount"] = len(rows) - limit
        rows = rows[:limit]
    return Page([entry for _, entry in rows], metadata)


def _path(key: Key, namespace: str) -> str:
    return f"/{key[1]}" if namespace or not key[0] else f"/{key[0]}/{key[1]}"


def _token(revision: int, last: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": f"{last}\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(token: str) -> tuple[int, str]:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError as error:
        raise _unreadable(f"illegal base64 data: {error}") from error
    try:
        value = json.loads(text)
        return int(value["rv"]), str(value["start"])
    except (ValueError, TypeError, KeyError) as error:
        first = repr(chr(text[0])) if text else "''"
        raise _unreadable(f"invalid character {first} looking for beginning of value") from error


def _unreadable(text: str) -> ApiError:
    return bad_request(f"invalid continue token: continue key is not valid: {text}")
