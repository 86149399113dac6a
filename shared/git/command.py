"""Runs Git, through GitPython, with nothing but what it is given: no configuration of the machine, no prompt, no token
where others can read it.
"""

import base64
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import git
from pydantic import SecretStr

from shared.errors import Forbidden, GiteaUnavailable, TransientError

from .refusals import CACHE_UNAVAILABLE, TOKEN_REFUSED, classify, repository_name

_SETTINGS = {
    "core.fsync": "none",  # a cache that is lost in a power cut is fetched again
    "credential.helper": "",
    "gc.auto": "0",
    "http.followRedirects": "false",  # the token is for this address only
    "http.lowSpeedLimit": "1",
    "http.postBuffer": "16777216",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "push.negotiate": "false",
}

# Variables of the process that starts us must not reach Git; those set to nothing switch off what they stand for.
_ENVIRONMENT = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_ASKPASS": "",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_TRACE": "0",
    "GIT_TRACE_CURL": "0",
    "GIT_TRACE_PACKET": "0",
    "GIT_TRACE_REDACT": "1",
    "HOME": os.devnull,  # curl would look for a .netrc
    "LANGUAGE": "C",
    "LC_ALL": "C",
}


class GitFailed(Exception):
    """Git ended with an error that `classify` does not know; `str()` is its stderr."""


class Output(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


class Command:
    """Git commands for one remote. `token` is asked anew for every command, and once more before it is called refused:
    it may just have been replaced.
    """

    def __init__(
        self, url: str, token: Callable[[], SecretStr], timeout: float, authorities: Path | None = None
    ) -> None:
        self._authorities = {} if authorities is None else {"GIT_SSL_CAINFO": str(authorities)}
        self._url = url
        self._token = token
        self._timeout = timeout

    def run(
        self,
        arguments: Sequence[str],
        directory: Path,
        settings: Mapping[str, str] = MappingProxyType({}),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> Output:
        """Run Git against the remote (named `origin`), with these settings and variables beside those of every command.

        Raises what `classify` finds in stderr, GiteaUnavailable when it takes longer than the timeout, and GitFailed
        for anything else. The whole process group is ended at the timeout.
        """
        token = self._token().get_secret_value()
        try:
            return self._run(arguments, directory, settings, variables, token)
        except Forbidden as error:
            renewed = self._token().get_secret_value()
            if error.reason != TOKEN_REFUSED or renewed == token:
                raise
        return self._run(arguments, directory, settings, variables, renewed)

    def _run(
        self,
        arguments: Sequence[str],
        directory: Path,
        settings: Mapping[str, str],
        variables: Mapping[str, str],
        token: str,
    ) -> Output:
        secret = base64.b64encode(f"infraforge:{token}".encode()).decode()
        configuration = {
            **_SETTINGS,
            "http.extraHeader": f"Authorization: Basic {secret}",
            "http.lowSpeedTime": str(max(1, int(self._timeout))),
            "remote.origin.url": self._url,
            **settings,
        }
        code, stdout, stderr = self._execute(
            arguments, {**environment(directory, configuration), **self._authorities, **variables}
        )
        if code == 0:
            return Output(stdout, stderr)
        for form in filter(None, (secret, token)):
            stderr = stderr.replace(form, "…")  # a server might send it back
        if code < 0:
            stderr += f"\nfatal: git died of signal {-code}"  # as it says of its own children
        fault = classify(stderr, self._url)
        if fault is None:
            raise GitFailed(stderr)
        raise fault

    def _execute(self, arguments: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str, str]:
        try:
            # A group of its own: git starts git-remote-http, which would survive it.
            handle = git.Git().execute(["git", *arguments], as_process=True, env=variables, start_new_session=True)
        except (OSError, git.GitCommandNotFound) as error:
            raise TransientError(f"Git cannot be started: {type(error).__name__}", reason=CACHE_UNAVAILABLE) from error
        process = handle.proc
        assert process is not None  # noqa: S101 - it was started in the line above
        try:
            stdout, stderr = process.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired as error:
            raise GiteaUnavailable(
                f"{repository_name(self._url)} did not answer within {self._timeout:g} seconds"
            ) from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        return process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace")


def environment(directory: Path, configuration: Mapping[str, str]) -> dict[str, str]:
    """The variables for a Git command on the bare repository in `directory`."""
    pairs = {}
    for number, (key, value) in enumerate(configuration.items()):
        pairs[f"GIT_CONFIG_KEY_{number}"] = key
        pairs[f"GIT_CONFIG_VALUE_{number}"] = value
    return {
        **_ENVIRONMENT,
        "GIT_CONFIG_COUNT": str(len(configuration)),
        "GIT_DIR": str(directory),
        "GIT_OBJECT_DIRECTORY": str(directory / "objects"),
        **pairs,
    }
