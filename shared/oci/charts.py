"""Helm charts in OCI registries: one version's archive, checked against its digest.

A chart is an OCI artifact (https://helm.sh/docs/topics/registries/#oci-feature-support): a manifest whose config is
`application/vnd.cncf.helm.config.v1+json` and that has one layer with the archive. A version is a tag, with `_` for the
`+` of a build, which tags cannot hold.
"""

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from shared.errors import PermanentError, RegistryUnavailable
from shared.oci.credentials import Credentials
from shared.oci.hosts import HostNotAllowed, HostPolicy
from shared.oci.inquiry import Inquiry
from shared.oci.reference import Reference, is_tag
from shared.oci.resolver import pinned
from shared.oci.tags import nearest
from shared.oci.tokens import Tokens
from shared.oci.wire import COOL_DOWN, Answer, Wire

CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
CONTENT: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
MAX_MANIFEST: Final = 256 * 1024
MAX_ARCHIVE: Final = 4 * 1024 * 1024
"""Bytes of an archive; the large ones that people publish have less than one million."""

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_OK: Final = 200
_NOT_FOUND: Final = 404


class ChartMissing(PermanentError):
    """The registry answers, and has no such version of the chart, or something else of that name."""


class ChartRegistries:
    """Pulls charts; for many threads. What it takes is as `Resolver` takes it."""

    def __init__(
        self,
        *,
        policy: HostPolicy,
        credentials: Credentials | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 5.0,
        cool_down: float = COOL_DOWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._timeout = timeout
        self._clock = clock
        self._transport = transport if transport is not None else pinned(policy)
        self._wire = Wire(policy, self._transport, timeout=timeout, cool_down=cool_down, clock=clock)
        self._tokens = Tokens(policy, credentials or Credentials(), self._wire, clock)

    def pull(self, registry: str, name: str, version: str) -> bytes:
        """The `.tgz` of a chart; `registry` is the address without scheme and without the chart's name.

        Raises `ChartMissing`, `HostNotAllowed`, `Forbidden` (private, or not there: the registry does not say), and
        `RegistryUnavailable`.
        """
        host, _, path = registry.partition("/")
        repository = "/".join(filter(None, (path, name)))
        image = Reference(host.lower(), repository, version.replace("+", "_"))
        if not is_tag(image.tag):
            raise ChartMissing(f"{version[:80]!r} is no version of a chart")
        inquiry = Inquiry(
            self._wire, self._tokens, image, self._policy.endpoint(image.registry), self._clock() + 3 * self._timeout
        )
        layer = _layer(self._manifest(inquiry), image)
        return self._blob(inquiry, layer)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _manifest(self, inquiry: Inquiry) -> dict[str, Any]:
        image = inquiry.image
        url = inquiry.endpoint.copy_with(path=f"/v2/{image.repository}/manifests/{image.tag}")
        answer = inquiry.ask("GET", url, MANIFEST, MAX_MANIFEST)
        if answer.status == _NOT_FOUND:
            raise _missing(inquiry, answer)
        if answer.status != _OK:
            raise RegistryUnavailable(f"{inquiry.registry} answers {answer.status}")
        said = answer.headers.get("docker-content-digest", "")
        if _DIGEST.fullmatch(said) and said != _digest(answer.body):
            raise RegistryUnavailable(f"{inquiry.registry} gives a wrong digest: it is not that of what it sends")
        return answer.json()

    def _blob(self, inquiry: Inquiry, digest: str) -> bytes:
        url = inquiry.endpoint.copy_with(path=f"/v2/{inquiry.image.repository}/blobs/{digest}")
        try:
            answer = inquiry.ask("GET", url, "application/octet-stream", MAX_ARCHIVE)
        except HostNotAllowed as error:  # the claim names the registry, and not where that keeps its files
            raise RegistryUnavailable(f"{inquiry.registry} keeps its charts elsewhere: {error}") from error
        if answer.status != _OK:
            raise RegistryUnavailable(f"{inquiry.registry} answers {answer.status} for the chart's archive")
        if _digest(answer.body) != digest:
            raise RegistryUnavailable(f"{inquiry.registry} sends another archive than its manifest names")
        return answer.body


def _layer(manifest: dict[str, Any], image: Reference) -> str:
    """The digest of the archive."""
    config, layers = manifest.get("config"), manifest.get("layers")
    kind = config.get("mediaType") if isinstance(config, dict) else None
    found = [
        layer
        for layer in (layers if isinstance(layers, list) else [])
        if isinstance(layer, dict) and layer.get("mediaType") == CONTENT
    ]
    if kind != CONFIG or not found:
        raise ChartMissing(f"{image} is no Helm chart")
    digest, size = found[0].get("digest"), found[0].get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise RegistryUnavailable(f"{image.registry} gives a digest that is none")
    if not isinstance(size, int) or size > MAX_ARCHIVE:
        raise RegistryUnavailable(f"{image} is larger than {MAX_ARCHIVE >> 20} MiB, and is not looked at")
    return digest


def _missing(inquiry: Inquiry, answer: Answer) -> PermanentError | RegistryUnavailable:
    """404: no such version, if this is a registry at all."""
    image, tags = inquiry.image, inquiry.tags()
    if tags is None and not answer.codes():
        return RegistryUnavailable(f"{inquiry.registry} answers 404 and does not say of what: is it a registry?")
    message = f"{image.name} has no version {image.tag.replace('_', '+')}"
    if not tags:
        return ChartMissing(f"{message}, nor any other: are repository and name right?")
    close = [tag.replace("_", "+") for tag in nearest(image.tag, tags)]
    return ChartMissing(f"{message}; the nearest that exist: {', '.join(close)}")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
