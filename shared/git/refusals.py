"""What Git's stderr says, as one of our errors.

The texts were recorded from a real Gitea (tests/recordings/gitea/git.jsonl); those of the network are Git's and curl's.

::

    PushRejected         somebody pushed first, or forced, or deleted the branch
    Forbidden            the token is refused (401); no right to write, archived
    └── PushDeclined     protected, a hook said no, too large: another push may be taken
    RepositoryMissing    it does not exist, was renamed, or the token may not see it
    GiteaUnavailable     no answer, a fault of the server, or an answer that is no Git
    TransientError       (reason CacheUnavailable) our own disk is full or read-only
"""

import re
import signal
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError, PushRejected, TransientError

MAX_TEXT = 300
"""Characters of the server's own words in a message."""


class RepositoryMissing(TransientError):
    """The repository does not exist, or the token may not see it: Gitea gives both the same answer."""


class PushDeclined(Forbidden):
    """This push was looked at and refused; its reason is Forbidden's."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=Forbidden.__name__)


TOKEN_REFUSED = "TokenRefused"  # noqa: S105 - the name of a reason
CACHE_UNAVAILABLE = "CacheUnavailable"
"""The reason when the directory of the cache cannot be written."""

_LOST_RACE = (
    "fetch first",
    "non-fast-forward",
    "stale info",
    "failed to update ref",
    "failed to lock",
    "cannot lock ref",
    "already exists",
    "incorrect old value",
    "remote ref updated",
    "atomic transaction failed",
    "missing necessary objects",  # the head was rewritten, and what it held is gone
)
_REFUSED = ("hook declined", "denied", "denying", "prohibited", "protected", "not allowed")
_OWN_DISK = (
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
    "File too large",
    f"died of signal {signal.SIGXFSZ:d}",
)
_NETWORK = re.compile(
    r"unable to access 'http|RPC failed|Could not resolve|Failed to connect"
    r"|Connection (?:refused|reset|timed out)|expected flush|invalid server response|bad line length|protocol error"
    r"|not valid: is this a git repository|expected service, got|transfer closed"
)
# Git also says that the remote hung up when its own pack-objects died of these; alone that text means either.
_DAMAGE = re.compile(
    r"Could not read|Failed to traverse|hash mismatch|bad (?:object|parent|tree)|corrupt|unable to read"
    r"|pack-objects died|not a valid object|missing (?:blob|tree|commit)"
)
_HTTP_STATUS = re.compile(r"The requested URL returned error: (\d{3})")
_STATUS_LINE = re.compile(r"^ ! \[(?:remote )?rejected\].* \((.*)\)$", re.MULTILINE)
_URL = re.compile(r"[a-z+]+://[^\s'\"]+")
_CHATTER = re.compile(r"(?:\.* ?Processing \d+ references?|Processed \d+ references? in total|error:|fatal:)\s*")


def classify(stderr: str, url: str) -> InfraForgeError | None:
    """The error that `stderr` of a failed command against `url` means; None when it says nothing known.

    An unknown text usually comes from a damaged cache: throw it away and try once more.
    """
    where = repository_name(url)
    text = _said(stderr)
    local = "\n".join(line for line in stderr.splitlines() if not line.startswith("remote:"))
    if any(
        sign in local for sign in ("Authentication failed for", "could not read Username", "could not read Password")
    ):
        return _token_refused(where)
    if "Push to create is not enabled" in stderr or re.search(r"fatal: repository '.*' not found", local):
        return _missing(where)
    if "not our ref" in local:
        return PushRejected(f"{where} was rewritten meanwhile: an object of it is gone", retry_after=1)
    if status := _HTTP_STATUS.search(local):
        return _by_status(int(status[1]), where, text)
    if reasons := _STATUS_LINE.findall(local):
        return _by_push_status(reasons, where, text)
    if any(sign in local for sign in _OWN_DISK):
        return TransientError(f"the Git cache cannot be written: {text}", reason=CACHE_UNAVAILABLE, retry_after=30)
    if _NETWORK.search(local) and not _DAMAGE.search(local):
        return GiteaUnavailable(f"{where} cannot be reached: {text}")
    return None


def refused(status: int, url: str, page: str) -> InfraForgeError:
    """The error for an HTTP answer with this status and page, as if Git had asked and told of it."""
    if "Push to create is not enabled" in page:
        return _missing(repository_name(url))
    said = "".join(f"remote: {line}\n" for line in page[: 4 * MAX_TEXT].splitlines())
    return _by_status(status, repository_name(url), _said(said))


def cache_unavailable(path: Path, error: OSError) -> TransientError:
    """The error for a cache that the system does not let us write."""
    return TransientError(
        f"the Git cache {path.name} cannot be written: {error.strerror}", reason=CACHE_UNAVAILABLE, retry_after=30
    )


def repository_name(url: str) -> str:
    """`organization/repository` of a clone URL, for messages."""
    return urlsplit(url).path.strip("/").removesuffix(".git")


def unclassified(stderr: str, url: str) -> GiteaUnavailable:
    """The error for a text that `classify` does not know, when a fresh cache did not help."""
    return GiteaUnavailable(f"Git failed on {repository_name(url)}: {_said(stderr)}")


def _token_refused(where: str) -> Forbidden:
    return Forbidden(
        f"Gitea does not accept the token for {where}: it is wrong, expired or revoked; give the function a valid one",
        reason=TOKEN_REFUSED,
    )


def _missing(where: str) -> RepositoryMissing:
    return RepositoryMissing(f"the repository {where} does not exist, or the token may not see it")


def _by_status(status: int, where: str, text: str) -> InfraForgeError:
    if status == HTTPStatus.UNAUTHORIZED:
        return _token_refused(where)
    if status == HTTPStatus.NOT_FOUND or 300 <= status < 400:  # noqa: PLR2004 - all redirects: a renamed repository's
        return _missing(where)
    if status == HTTPStatus.FORBIDDEN:
        return Forbidden(f"Gitea refuses {where}: {text}")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:  # a proxy's bound
        return PushDeclined(f"what is pushed to {where} is too large for it or for a proxy before it: {text}")
    return GiteaUnavailable(f"{where} answers {status}: {text}")


def _by_push_status(reasons: list[str], where: str, text: str) -> InfraForgeError | None:
    """By Git's words in brackets; the bystanders of an atomic push only say that another ref failed."""
    found = " | ".join(reasons)
    if any(sign in found for sign in _LOST_RACE):
        return PushRejected(f"{where} moved on while the commit was prepared", retry_after=1)
    if any(sign in found for sign in _REFUSED):
        # Gitea's own hooks ask Gitea; when that fails the push is declined as well.
        if re.search(r"internal (?:server )?(?:connection )?error|unable to contact", text, re.IGNORECASE):
            return GiteaUnavailable(f"{where} cannot take a push: {text}")
        return PushDeclined(f"Gitea refuses the push to {where}: {text}")
    return None


def _said(stderr: str) -> str:
    """The server's own words, or else Git's last line: one bounded line without credentials."""
    remote = [line.removeprefix("remote:") for line in stderr.splitlines() if line.startswith("remote:")]
    words = [_CHATTER.sub("", line).strip() for line in remote]
    if not any(words):
        words = [
            _CHATTER.sub("", line).strip() for line in stderr.splitlines() if not line.startswith(("hint:", "To "))
        ]
        words = words[-2:]
    text = "; ".join(dict.fromkeys(word for word in words if word)) or "no reason given"
    text = "".join(character if character.isprintable() else " " for character in text)
    text = _URL.sub(lambda match: repository_name(match[0]), text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
