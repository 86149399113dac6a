"""From a container of one of our images to the process that does its work on this machine.

::

    pod = Pod.of_service(service)                                  # or Pod.of(a Pod)
    mounts = Mounts(pod, service_root(node_data, pod.namespace, pod.name), NodeApi(kubeconfig))
    mounts.refresh()
    process = process_of(pod.spec["containers"][0], pod=pod, mounts=mounts, api=api, port=8123)
    spawn(process.arguments, process.environment, folder=process.folder, …)

Both `refresh` and `process_of` raise `NotStartable` while something that the pod names is missing (try again), and
`ApiError` when the API server does not answer. The image's folder /app is the folder that holds the packages, here as
there the working directory; a `python` is the interpreter that runs us; and the two paths that processes use without
being told, /tmp and /var/cache/infraforge, lead to what is mounted there.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sandbox.node.api import Objects
from sandbox.node.errors import NotStartable
from sandbox.node.images import function_of
from sandbox.node.mounts import Mounts
from sandbox.node.pod import Pod
from sandbox.node.variables import expand, variables_of
from sandbox.supervisor.environment import base

Json = dict[str, Any]

HOST: Final = "127.0.0.1"
PACKAGES: Final = Path(__file__).resolve().parents[2]
"""The folder that holds `functions`, `sandbox` and `shared`: the image's /app."""
_APP: Final = "/app"
_PYTHON: Final = ("python", "python3", "/usr/bin/python3", "/usr/local/bin/python")
_IMPLIED: Final = {"/tmp": "TMPDIR", "/var/cache/infraforge": "INFRAFORGE_CACHE_DIR"}  # noqa: S108 - a container's own
"""Paths that our processes use without being told, and the variable that names another."""
_ELSEWHERE: Final = ("KUBERNETES_", "KUBECONFIG")


@dataclass(frozen=True)
class Process:
    """What to start: `environment` is all of it, and holds credentials."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path


def process_of(container: Json, *, pod: Pod, mounts: Mounts, api: Objects, port: int | None = None) -> Process:
    """The process that does a container's work, listening on `port` of the loopback interface if it serves."""
    variables = variables_of(container, pod=pod, api=api)
    return Process(
        tuple(_arguments(container, variables, mounts, port)),
        _environment(container, variables, mounts, port),
        _folder(container, mounts),
    )


def _arguments(container: Json, variables: Mapping[str, str], mounts: Mounts, port: int | None) -> list[str]:
    command = [expand(part, variables) for part in container.get("command") or ()]
    given = [_translated(expand(part, variables), container, mounts) for part in container.get("args") or ()]
    if not command:
        return [*_entry_point(container, port), *given]
    program = sys.executable if command[0] in _PYTHON else _translated(command[0], container, mounts)
    return [program, *(_translated(part, container, mounts) for part in command[1:]), *given]


def _entry_point(container: Json, port: int | None) -> list[str]:
    image = str(container.get("image") or "")
    function = function_of(image)
    if function is None:
        raise NotStartable(f'the sandbox cannot run image "{image}": it is not one of InfraForge\'s', "ErrImagePull")
    source = str(PACKAGES / "functions" / function / "main.py")
    where = ("--host", HOST, "--port", str(port)) if port is not None else ()
    target = ("--source", source, "--target", function, "--signature-type", "http")
    return [sys.executable, "-m", "functions_framework", *target, *where]


def _environment(container: Json, variables: Mapping[str, str], mounts: Mounts, port: int | None) -> dict[str, str]:
    outside = {name: value for name, value in base().items() if not name.startswith(_ELSEWHERE)}
    # functions-framework listens where these say, if it is not told on its command line.
    serving = {} if port is None else {"HOST": HOST, "PORT": str(port)}
    implied = {_IMPLIED[place]: str(folder) for place, folder in mounts.places(container) if place in _IMPLIED}
    kubeconfig = {} if mounts.kubeconfig is None else {"INFRAFORGE_KUBECONFIG": str(mounts.kubeconfig)}
    stated = {name: mounts.translated(container, value) for name, value in variables.items()}
    return outside | implied | kubeconfig | stated | serving


def _folder(container: Json, mounts: Mounts) -> Path:
    stated = str(container.get("workingDir") or _APP)
    if stated == _APP or stated.startswith(f"{_APP}/"):
        return PACKAGES / stated[len(_APP) :].strip("/")
    return Path(mounts.translated(container, stated))


def _translated(text: str, container: Json, mounts: Mounts) -> str:
    """An argument with its path translated, also where it is the value of an option: `--flag=/path`."""
    option, separator, value = text.partition("=")
    if option.startswith("--") and separator:
        return f"{option}={mounts.translated(container, value)}"
    return mounts.translated(container, text)
