"""How a process reaches the Kubernetes API: by its service account, or by a kubeconfig file."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.config.config_exception import ConfigException
from yaml import YAMLError

from shared.errors import PermanentError
from shared.kube.client import Kube
from shared.kube.token_file import TokenFile

CONNECTIONS: Final = 128
"""Kept open at most: more than a process has threads. The library keeps five for each core, closes what comes back
beyond them, and pays for another handshake the next time."""


def connect(kubeconfig: Path | None, *, timeout: float = 15.0, now: Callable[[], float] = time.monotonic) -> Kube:
    """A client for the cluster of `kubeconfig`, or for the one this process runs in when that is None.

    The service account's token is read again as it expires (the client library does that), and so is a kubeconfig's
    `tokenFile`. No request is made here.
    Raises `PermanentError` (reasons KubeConfigMissing, KubeConfigUnreadable) that says what to set.
    """
    configuration = Configuration()
    try:
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # the library's
        else:
            config.load_kube_config(  # type: ignore[no-untyped-call]  # the library's
                config_file=str(kubeconfig), client_configuration=configuration
            )
            if token_file := TokenFile.of(kubeconfig, now):
                configuration.refresh_api_key_hook = token_file  # type: ignore[assignment]  # made to be assigned
    except ConfigException as error:
        raise PermanentError(
            f"no way to reach the Kubernetes API: {error}; run in a cluster or set INFRAFORGE_KUBECONFIG",
            reason="KubeConfigMissing",
        ) from error
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, YAMLError) as error:
        # No cause: a parser quotes what it read, tokens and all.
        raise PermanentError(
            f"{kubeconfig} cannot be read as a kubeconfig ({type(error).__name__}): mend the file or "
            "INFRAFORGE_KUBECONFIG",
            reason="KubeConfigUnreadable",
        ) from None
    configuration.connection_pool_maxsize = CONNECTIONS
    configuration.retries = False  # the Broker retries; a second layer would only hide what is slow
    return Kube(ApiClient(configuration), timeout=timeout)
