"""The environment that every component starts with."""

import os
from collections.abc import Mapping
from typing import Final

_LOOPBACK: Final = "127.0.0.1,localhost"
_OURS: Final = ("INFRAFORGE_", "GIT_", "FUNCTION_", "GUNICORN_")
_KEPT: Final = ("GIT_EXEC_PATH",)
_SERVERS: Final = frozenset(
    {
        *("PORT", "HOST", "DEBUG", "WORKERS", "THREADS", "WEB_CONCURRENCY", "ENTRY_POINT", "K_SERVICE"),
        *("CLOUD_RUN_TIMEOUT_SECONDS", "THREADED_TIMEOUT_ENABLED", "LOG_EXECUTION_ID"),
    }
)
"""What functions-framework and gunicorn read besides: how a function is served is said by who starts it alone."""


def base() -> dict[str, str]:
    """Our own environment without what would change a component's behaviour from one machine to the next.

    Settings of an installation, Git's own variables and its user-wide configuration (URL rewriting, signing, hooks)
    stay outside, and a proxy is never asked for what listens on the loopback interface.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not (name.startswith(_OURS) or name in _SERVERS)
    }
    return (
        inherited
        | _without_proxy(inherited)
        | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "PYTHONUNBUFFERED": "1",
        }
    )


def _without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    excluded = environment.get("no_proxy") or environment.get("NO_PROXY")
    value = f"{excluded},{_LOOPBACK}" if excluded else _LOOPBACK
    return {"NO_PROXY": value, "no_proxy": value}
