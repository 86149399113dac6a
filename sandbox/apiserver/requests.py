"""What a request asks for: the parts of its path and its query parameters."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.apiserver import errors
from sandbox.apiserver.causes import Cause
from sandbox.apiserver.changes import Options

Json = dict[str, Any]
_LONGEST_MANAGER = 128
_PROPAGATION = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True)
class Location:
    """The parts of a resource's path; `namespace` is empty for cluster-scoped resources and across namespaces."""

    group: str
    version: str
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def locate(path: str) -> Location | None:
    """Read `/api/v1/…` and `/apis/<group>/<version>/…`; None for any other path."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 1:
        group, (version, *rest) = "", parts[1:]
    elif parts[0] == "apis" and len(parts) > 2:  # noqa: PLR2004 - apis, group and version
        group, version, *rest = parts[1:]
    else:
        return None
    namespace = ""
    # `namespaces/dev` and `namespaces/dev/status` are about the namespace itself.
    is_within = rest[:1] == ["namespaces"] and len(rest) > 2  # noqa: PLR2004 - namespaces and a name, and then more
    if is_within and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:  # noqa: PLR2004 - plural, name and subresource
        return None
    plural, name, subresource = (*rest, "", "", "")[:3]
    return Location(group, version, plural, namespace, name, subresource)


def flag(query: QueryParams, name: str) -> bool:
    """Return a boolean parameter: `true` and `1` are true."""
    return query.get(name, "") in ("true", "1", "True")


def number(query: QueryParams, name: str, default: int = 0) -> int:
    """Return an integer parameter, or a 400."""
    text = query.get(name) or str(default)
    if not text.lstrip("-").isdigit():
        raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def write_options(query: QueryParams, agent: str, subresource: str, *, apply: bool = False) -> Options:
    """Return how to write; `agent` is the User-Agent, whose first word is the default field manager.

    Raises the 422 of a parameter that the real server refuses.
    """
    manager = query.get("fieldManager", "")
    problem = None
    if apply and not manager:
        problem = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
    elif len(manager) > _LONGEST_MANAGER:
        problem = Cause("FieldValueTooLong", f"Too long: may not be more than {_LONGEST_MANAGER} bytes", "fieldManager")
    elif not apply and flag(query, "force"):
        problem = Cause("FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force")
    validation = query.get("fieldValidation") or "Warn"
    if validation not in ("Ignore", "Warn", "Strict"):
        text = f'Unsupported value: "{validation}": supported values: "", "Ignore", "Strict", "Warn"'
        problem = Cause("FieldValueNotSupported", text, "fieldValidation")
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        text = f'Unsupported value: "{dry_run}": supported values: "All"'
        problem = Cause("FieldValueNotSupported", text, "dryRun")
    if problem is not None:
        raise errors.invalid("PatchOptions.meta.k8s.io", "", [problem])
    return Options(
        manager=manager or agent.partition("/")[0][:_LONGEST_MANAGER] or "unknown",
        validation=validation,
        dry_run=dry_run == "All",
        force=flag(query, "force"),
        subresource=subresource,
    )


def check_propagation(policy: object) -> None:
    """Raise the 422 of a deletion's unknown propagationPolicy.

    Source: apimachinery, ValidateDeleteOptions.
    """
    if policy is None or policy in _PROPAGATION:
        return
    supported = ", ".join(json.dumps(name) for name in (*_PROPAGATION, "nil"))
    text = f"Unsupported value: {json.dumps(policy)}: supported values: {supported}"
    cause = Cause("FieldValueNotSupported", text, "propagationPolicy")
    raise errors.invalid("DeleteOptions.meta.k8s.io", "", [cause])
