"""What charts and definitions of other projects take of what we give them: read from their texts, as they are not here.

A chart takes any value, and says nothing of one that it does not know: a misspelt key is lost without a word. So every
key that we set is listed with what it may be. A new version of a chart is read again before it is pinned: the test that
compares the versions fails until somebody has. Sources are public; none of their text is copied.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema

Schema = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """A chart: the version that was read, where, and the part of its values that we set, as a JSON schema."""

    version: str
    source: str
    values: Schema


def faults(schema: Schema, document: Any) -> list[str]:
    """What `schema` does not take in `document`, each with its place."""
    return sorted(
        f"{'/'.join(map(str, error.absolute_path)) or 'top level'}: {error.message}"
        for error in jsonschema.Draft202012Validator(schema).iter_errors(document)
    )


def _closed(properties: Mapping[str, Schema], *required: str) -> Schema:
    """An object with no fields but these."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


_SWITCH: Final[Schema] = {"type": "boolean"}
_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_OFF: Final[Schema] = _closed({"enabled": {"const": False}}, "enabled")

_APP_INI: Final[Schema] = _closed(
    {
        "database": _closed({"DB_TYPE": {"const": "sqlite3"}}, "DB_TYPE"),
        "session": _closed({"PROVIDER": {"const": "memory"}}, "PROVIDER"),
        "cache": _closed({"ADAPTER": {"const": "memory"}}, "ADAPTER"),
        "queue": _closed({"TYPE": {"const": "level"}}, "TYPE"),
        "server": _closed(
            {"ROOT_URL": _TEXT, "DOMAIN": _TEXT, "SSH_DOMAIN": _TEXT},
            *("ROOT_URL", "DOMAIN", "SSH_DOMAIN"),  # the last two default to ingress.hosts[0]: git.example.com
        ),
        "service": _closed({"DISABLE_REGISTRATION": _SWITCH}, "DISABLE_REGISTRATION"),
        # Not webhook: deprecated in 1.27.0 (go-gitea/gitea 38406, 38426), ignored from 28.0.0 on, whose lists do not
        # know the word `external` any more.
        "security": _closed({"ALLOWED_HOST_LIST": {"const": "private"}}, "ALLOWED_HOST_LIST"),
    },
    *("database", "session", "cache", "queue", "server", "security"),
)
"""Sections and settings of Gitea 1.27's app.ini (modules/setting); the chart adds INSTALL_LOCK and paths."""

_GITEA_ADMIN: Final[Schema] = _closed(
    {
        "existingSecret": _TEXT,  # of which it reads `username` and `password`
        "passwordMode": {"enum": ["keepUpdated", "initialOnlyNoReset", "initialOnlyRequireReset"]},
    },
    "existingSecret",
)

GITEA: Final = Published(
    "12.7.0",
    "gitea/helm-gitea: values.yaml and templates of the 12.x line (fb407618), and what installations of 12.7.0 say; "
    "13.0.0 moves gitea.admin to secrets.admin and strategy to deployment.strategy, and refuses the old names",
    _closed(
        {
            "replicaCount": {"const": 1},
            "strategy": _closed({"type": {"const": "Recreate"}}, "type"),
            "postgresql": _OFF,
            "postgresql-ha": _OFF,
            "valkey": _OFF,
            "valkey-cluster": _OFF,
            "persistence": _closed({"enabled": _SWITCH, "size": _TEXT, "storageClass": _TEXT}, "size"),
            "gitea": _closed(
                {
                    "podAnnotations": {"type": "object", "additionalProperties": _TEXT},
                    "admin": _GITEA_ADMIN,
                    "config": _APP_INI,
                },
                *("admin", "config"),
            ),
        },
        *("strategy", "postgresql", "postgresql-ha", "valkey", "valkey-cluster", "persistence", "gitea"),
    ),
)

POLICY: Final = "applicationsetcontroller.enable.policy.override"

ARGOCD: Final = Published(
    "10.9.6",
    "argoproj/argo-helm: charts/argo-cd up to 9.6.1, what installations of 10.9.x say, and argoproj/argo-helm 3004 and "
    "3488 about the policy; configs.params goes key by key into argocd-cmd-params-cm",
    _closed(
        {
            "dex": _OFF,
            "notifications": _OFF,
            "configs": _closed({"params": _closed({POLICY: {"const": True}}, POLICY)}, "params"),
        },
        *("dex", "notifications", "configs"),
    ),
)

_INGRESSES: Final = ("contour", "gateway-api", "istio", "kourier")
_INGRESS: Final[Schema] = _closed({"enabled": _SWITCH}, "enabled")
_KOURIER: Final[Schema] = _closed(
    {"enabled": _SWITCH, "service-type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}}, "enabled"
)
_VERSION: Final[Schema] = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"}
_CONFIG: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}},
}

KNATIVE_VERSION: Final = "1.23.0"
"""Of which the operator of the same version brings the manifests (cmd/operator/kodata), and of three minors before."""

KNATIVE: Final[Mapping[str, Schema]] = {
    "KnativeServing": _closed(
        {
            "version": _VERSION,  # without a v: the operator puts one in front
            "ingress": _closed(dict.fromkeys(_INGRESSES, _INGRESS) | {"kourier": _KOURIER}, *_INGRESSES),
            "config": _CONFIG,
        },
        "version",
    ),
    "KnativeEventing": _closed({"version": _VERSION}, "version"),
}
"""The `spec` of the two kinds, from knative/operator's chart (templates/crds): the stricter of the two definitions that
its 1.2x line has had. One asked for all four ingresses by name (ea168be8), a later one for none (693366da)."""
