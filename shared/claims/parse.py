"""A document from the API server, from Git or from a file, as a claim, or one line that says what is wrong with it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.claims.application import ApplicationClaim
from shared.claims.bootstrap import BootstrapClaim
from shared.claims.infrastructure import InfrastructureClaim
from shared.claims.meta import Claim
from shared.claims.names import DNS_LABEL_PATTERN, MENDS
from shared.claims.platform import PlatformClaim
from shared.errors import InvalidClaim

KINDS: Final[dict[str, type[Claim]]] = {
    "BootstrapClaim": BootstrapClaim,
    "InfrastructureClaim": InfrastructureClaim,
    "ApplicationClaim": ApplicationClaim,
    "PlatformClaim": PlatformClaim,
}

MAX_PROBLEMS: Final = 5
MAX_QUOTED: Final = 63

_PROBLEMS: Final = {
    "missing": "is required",
    "extra_forbidden": "is not a field here: remove it or correct its spelling",
    "string_type": "must be a string: put it in quotes",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be a map",
    "model_attributes_type": "must be a map",
    "dict_type": "must be a map",
}
"""What is wrong with a field, by pydantic's name for it, where nothing more is to be said."""


def parse(kind: str, document: Mapping[str, Any]) -> Claim:
    """`document` as a claim of `kind`.

    Raises `InvalidClaim` with a message of one line that names at most five fields at fault and how to mend each. It
    quotes names only, shortened, and nothing from under `values`.
    """
    found = read(kind, document)
    if isinstance(found, Claim):
        return found
    said = [f"{path}: {problem}" for path, problem in found[:MAX_PROBLEMS]]
    if len(found) > MAX_PROBLEMS:
        said.append(f"and {len(found) - MAX_PROBLEMS} more")
    raise InvalidClaim("; ".join(said))


def read(kind: str, document: Mapping[str, Any]) -> Claim | list[tuple[str, str]]:
    """`document` as a claim of `kind`, or everything that is wrong with it: each field's path, and what would mend it.

    A problem quotes what `parse` quotes.
    """
    model = KINDS.get(kind)
    if model is None:
        return [("kind", f"{_quoted(kind)} is none of {', '.join(KINDS)}")]
    try:
        return model.model_validate(document)
    except ValidationError as error:  # goes no further: it carries the document, secrets and all
        return [(_path(detail["loc"]), _problem(detail)) for detail in error.errors(include_url=False)]


def place(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """Cluster type and environment that a claim which nobody has validated names; None when it names none."""
    spec = document.get("spec")
    cluster_type, name = (
        (spec.get("clusterType"), spec.get("environment")) if isinstance(spec, Mapping) else (None, None)
    )
    return (cluster_type, name) if isinstance(cluster_type, str) and isinstance(name, str) else None


def _quoted(text: str) -> str:
    """`text` in quotes, without anything that could break the line, cut to about `MAX_QUOTED` characters."""
    shown = json.dumps(text[: MAX_QUOTED + 1], ensure_ascii=not text.isprintable())
    return shown if len(shown) <= MAX_QUOTED + 2 else f'{shown[:MAX_QUOTED]}…"'


def _path(location: tuple[str | int, ...]) -> str:
    """A location as kubectl writes it, `spec.applications[3].name`. What lies under `values` stays unnamed."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
            continue
        name = part if len(part) <= MAX_QUOTED and part.isprintable() else _quoted(part)
        path += f".{name}" if path else name
        if part == "values":
            break
    return path or "the claim"


def _problem(detail: ErrorDetails) -> str:
    """What is wrong with one field, and what would mend it."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "string_pattern_mismatch":
            return _mismatch(context["pattern"], detail["input"])
        case "string_too_long":
            return f"is longer than {context['max_length']} characters"
        case "too_long":
            return f"has more than {context['max_length']} items"
        case "literal_error":
            return f"must be {context['expected']}"
        case "rule" | "values":
            return detail["msg"]
        case other:
            return _PROBLEMS.get(other, f"is not valid ({other})")


def _mismatch(pattern: str, given: object) -> str:
    """Only a name is quoted: an address may carry a password."""
    mend = MENDS.get(pattern, "does not match its pattern")
    return f"{_quoted(str(given))} {mend}" if pattern == DNS_LABEL_PATTERN else mend
