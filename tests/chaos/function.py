"""The functions as functions-framework serves them, with a trap at the boundaries between their steps.

`INFRAFORGE_CHAOS_TRAP` names a folder. A file `<Kind>.<step>` in it is sprung by the first process that reaches that
step: the file goes, and the process with everything in its group gets the signal whose number was written in it.
"""

import functools
import os
import signal
from pathlib import Path

import functions_framework
from flask import Request, Response

from functions.application import main as application_main
from functions.application.settings import ApplicationSettings
from functions.bootstrap import main as bootstrap_main
from functions.bootstrap.settings import BootstrapSettings
from functions.platform import main as platform_main
from functions.platform.settings import PlatformSettings
from shared.telemetry import configure_logging
from shared.web import Endpoint

TRAPS = "INFRAFORGE_CHAOS_TRAP"


class Trap:
    """Called at each boundary with the kind and the step that begins."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind = kind
        self._folder = folder

    def __call__(self, step: str) -> None:
        """End, or stop, this process if a trap is set here."""
        trap = self._folder / f"{self._kind}.{step}"
        try:
            number = int(trap.read_text(encoding="ascii"))
            trap.unlink()
        except (OSError, ValueError):  # no trap, or another thread was faster
            return
        os.killpg(os.getpgrp(), signal.Signals(number))


def _trap(kind: str) -> Trap:
    return Trap(kind, Path(os.environ[TRAPS]))


@functools.cache
def _bootstrap() -> Endpoint:
    configure_logging()
    return bootstrap_main.build(BootstrapSettings.from_environment(), trace=_trap("BootstrapClaim"))


@functools.cache
def _application() -> Endpoint:
    configure_logging()
    return application_main.build(ApplicationSettings.from_environment(), trace=_trap("ApplicationClaim"))


@functools.cache
def _platform() -> Endpoint:
    configure_logging()
    return platform_main.build(PlatformSettings.from_environment(), trace=_trap("PlatformClaim"))


@functions_framework.http
def bootstrap(request: Request) -> Response:
    """Answer one request."""
    return _bootstrap()(request)


@functions_framework.http
def application(request: Request) -> Response:
    """Answer one request."""
    return _application()(request)


@functions_framework.http
def platform(request: Request) -> Response:
    """Answer one request."""
    return _platform()(request)
