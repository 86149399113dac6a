"""Helm charts in OCI registries: pulled once for each version, held in memory."""

import io
import re
import tarfile
import threading
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import httpx

from sandbox.argocd.credentials import Login
from sandbox.argocd.repositories import RepositoryError

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CHART: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_LARGEST: Final = 20 * 1024 * 1024
_UNAUTHORIZED: Final = 401
_CHALLENGE: Final = re.compile(r'(\w+)="([^"]*)"')
_LIMIT: Final = 30.0


class ChartRegistry:
    """Pulls charts. `mirrors` is registry host → address to connect to, as for images. Thread-safe."""

    def __init__(self, mirrors: Mapping[str, str], login: Callable[[str], Login | None]) -> None:
        self._mirrors = mirrors
        self._login = login
        self._client = httpx.Client(timeout=_LIMIT, trust_env=False, follow_redirects=True)
        self._charts: dict[tuple[str, str, str], Mapping[str, bytes]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def resolve(self, repository: str, chart: str, version: str) -> str:
        """The version that a source means; ranges are not covered. Raises `RepositoryError` when it is not there."""
        self.chart(repository, chart, version)
        return version

    def chart(self, repository: str, chart: str, version: str) -> Mapping[str, bytes]:
        """Path below the chart's folder → content. Raises `RepositoryError`."""
        key = (repository, chart, version)
        with self._lock:
            if key not in self._charts:
                self._charts[key] = self._pull(repository, chart, version)
            return self._charts[key]

    def _pull(self, repository: str, chart: str, version: str) -> Mapping[str, bytes]:
        host, _, path = f"{repository.removeprefix('oci://').strip('/')}/{chart}".partition("/")
        base = f"{self._mirrors.get(host, f'https://{host}').rstrip('/')}/v2/{path}"
        # Registries allow no `+` in a tag, so Helm writes `_` instead.
        where = f"{base}/manifests/{version.replace('+', '_')}"
        try:
            answer, token = self._get(repository, where, "")
            layers: list[dict[str, Any]] = answer.json()["layers"]
            digest = next(layer["digest"] for layer in layers if layer["mediaType"] == _CHART)
            content, _ = self._get(repository, f"{base}/blobs/{digest}", token)
            return _unpacked(content.content)
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            raise RepositoryError(f"failed to pull {host}/{path}:{version}: {error or type(error).__name__}") from error
        except (ValueError, LookupError, TypeError, StopIteration, tarfile.TarError, OSError) as error:
            raise RepositoryError(f"failed to pull {host}/{path}:{version}: it is not a Helm chart") from error

    def _get(self, repository: str, where: str, token: str) -> tuple[httpx.Response, str]:
        """The answer, and the token that it took."""
        headers = {"Accept": f"{_MANIFEST}, */*"} | ({"Authorization": f"Bearer {token}"} if token else {})
        answer = self._client.get(where, headers=headers)
        if answer.status_code == _UNAUTHORIZED and not token:
            token = self._token(repository, answer.headers.get("www-authenticate", ""))
            answer = self._client.get(where, headers=headers | {"Authorization": f"Bearer {token}"})
        if not answer.is_success:
            raise RepositoryError(
                f"failed to pull {where.partition('/v2/')[2]}: response status code {answer.status_code}: "
                f"{answer.reason_phrase}"
            )
        return answer, token

    def _token(self, repository: str, challenge: str) -> str:
        wanted = dict(_CHALLENGE.findall(challenge))
        login = self._login(repository)
        headers = {"Authorization": login.header} if login else {}
        query = {name: wanted[name] for name in ("service", "scope") if name in wanted}
        answer = self._client.get(wanted.get("realm", ""), params=query, headers=headers)
        if not answer.is_success:
            raise RepositoryError(f"failed to pull from {repository}: response status code {answer.status_code}")
        document = answer.json()
        return str(document.get("token") or document["access_token"])


def _unpacked(archive: bytes) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
        for member in packed:
            parts = PurePosixPath(member.name).parts
            if not member.isfile() or len(parts) == 1 or ".." in parts:
                continue
            total += member.size
            if total > _LARGEST:
                raise ValueError("the chart is too large")
            content = packed.extractfile(member)
            found["/".join(parts[1:])] = content.read() if content else b""
    return found
