"""Tokens of ServiceAccounts: asked for, kept on disk, and asked for anew when four fifths of their life are over.

Source: k8s.io/kubernetes, pkg/kubelet/token/token_manager.go.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from sandbox.argocd.api import ApiError
from sandbox.node.api import ACCOUNT, Objects, Token
from sandbox.node.errors import CONTAINER_CREATING, NotStartable
from sandbox.node.pod import Pod
from sandbox.supervisor.directory import write_private

Json = dict[str, Any]

LIFE: Final = 3607
"""Seconds that a pod's own token is asked for, as the API server writes it into the pod's projected volume."""
_LONGEST: Final = 24 * 3600
_LEFT: Final = 0.2

log = logging.getLogger(__name__)


class Tokens:
    """The tokens of one pod, in `folder`; `now` is the time in seconds since the epoch."""

    def __init__(self, pod: Pod, folder: Path, api: Objects, now: Callable[[], float] = time.time) -> None:
        self._pod = pod
        self._folder = folder
        self._api = api
        self._now = now

    def token(self, audience: str = "", seconds: int = LIFE) -> str:
        """A token that is good for some time to come.

        Raises `NotStartable` when there is no such account, `ApiError` when none can be had and none is left.
        """
        pod = self._pod
        account = self._api.get(ACCOUNT, pod.namespace, pod.account)
        if account is None:
            raise _no_account(pod)
        # One of an account that was deleted and made again is refused.
        kept = self._folder / f"{_digest(account['metadata']['uid'], pod.uid, audience, str(seconds))}.json"
        known = _load(kept)
        if known is not None and not self._stale(known):
            return known.text
        try:
            fresh = self._api.token(pod.namespace, pod.account, self._request(audience, seconds))
        except ApiError:
            if known is None or known.expires <= self._now():
                raise
            log.warning("no new token for %s/%s; the old one still serves", pod.namespace, pod.account)
            return known.text
        if fresh is None:
            raise _no_account(pod)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(kept, json.dumps(asdict(fresh)))
        return fresh.text

    def _stale(self, token: Token) -> bool:
        now = self._now()
        return now > token.expires - _LEFT * (token.expires - token.issued) or now > token.issued + _LONGEST

    def _request(self, audience: str, seconds: int) -> Json:
        pod = self._pod
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}
        return {
            "audiences": [audience] if audience else [],
            "expirationSeconds": seconds,
            **({"boundObjectRef": bound} if pod.uid else {}),
        }


def _no_account(pod: Pod) -> NotStartable:
    missing = f'serviceaccount "{pod.account}" not found'
    return NotStartable(
        f"error looking up service account {pod.namespace}/{pod.account}: {missing}", CONTAINER_CREATING
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _load(path: Path) -> Token | None:
    try:
        return Token(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
