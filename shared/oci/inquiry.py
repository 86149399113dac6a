"""Everything asked about one image, within one deadline.

Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md. A tag is looked up with HEAD; GET
follows where HEAD says nothing (no digest) or may mislead (404, 405).
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

import httpx

from shared.errors import Forbidden, RegistryUnavailable
from shared.oci.hosts import Authority, HostNotAllowed
from shared.oci.outcomes import Resolution, Resolved, TagMissing
from shared.oci.reference import Reference
from shared.oci.tags import nearest
from shared.oci.tokens import Tokens
from shared.oci.wire import Answer, Wire

MANIFESTS: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
MAX_MANIFEST: Final = 4 * 1024 * 1024
MAX_TAG_PAGE: Final = 1024 * 1024
MAX_TAG_PAGES: Final = 10

_ACCEPT: Final = ", ".join(MANIFESTS)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_NEXT: Final = re.compile(r'<([^<>]*)>[^,]*;\s*rel="?next"?')
_SCHEMA_VERSION: Final = 2
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_DENIED: Final = 403
_NOT_FOUND: Final = 404
_NO_SUCH_METHOD: Final = 405


@dataclass(frozen=True)
class Inquiry:
    """One image at one endpoint; `end` is the time on the clock when the last answer must be here."""

    wire: Wire
    tokens: Tokens
    image: Reference
    endpoint: httpx.URL
    end: float

    def resolution(self) -> Resolution:
        """`Resolved` or `TagMissing`. Raises `HostNotAllowed`, `Forbidden` and `RegistryUnavailable`."""
        head = self.ask("HEAD", self._manifest, _ACCEPT, MAX_MANIFEST)
        if head.status == _OK and "docker-content-digest" in head.headers:
            return Resolved(self._digest(head))
        if head.status not in (_OK, _NOT_FOUND, _NO_SUCH_METHOD):
            raise RegistryUnavailable(f"{self.registry} answers {head.status}")
        answer = self.ask("GET", self._manifest, _ACCEPT, MAX_MANIFEST)
        if answer.status == _OK:
            return Resolved(self._verified(answer))
        if answer.status == _NOT_FOUND:
            return self._missing(answer)
        raise RegistryUnavailable(" ".join([f"{self.registry} answers {answer.status}", *sorted(answer.codes())]))

    @property
    def registry(self) -> Authority:
        """The host that is asked, and to which credentials are bound."""
        return Authority.of(self.endpoint)

    @property
    def _manifest(self) -> httpx.URL:
        return self.endpoint.copy_with(path=f"/v2/{self.image.repository}/manifests/{self.image.tag}")

    def ask(self, method: str, url: httpx.URL, accept: str, limit: int) -> Answer:
        """The answer to a question about the repository, with a token if the registry wants one."""
        repository = self.image.repository
        authorization = self.tokens.remembered(self.registry, repository)
        for last in (False, True):
            answer = self.wire.send(method, url, end=self.end, limit=limit, accept=accept, authorization=authorization)
            if answer.status not in (_UNAUTHORIZED, _DENIED):
                return answer
            self.tokens.forget(self.registry, repository)
            if last or answer.redirected or answer.status == _DENIED:
                break
            header = answer.headers.get("www-authenticate", "")
            authorization = self.tokens.obtain(self.registry, repository, header, end=self.end)
        raise Forbidden(f"{Authority.of(answer.url)} answers {answer.status}")

    def _digest(self, answer: Answer) -> str:
        digest: str = answer.headers["docker-content-digest"]
        if not _DIGEST.fullmatch(digest):
            raise RegistryUnavailable(f"{self.registry} gives a digest that is none")
        return digest

    def _verified(self, answer: Answer) -> str:
        """The digest of a manifest's bytes, which must be what the header says, if it says anything."""
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in MANIFESTS or answer.json().get("schemaVersion") != _SCHEMA_VERSION:
            raise RegistryUnavailable(f"{self.registry} answers with something that is no image manifest")
        claimed = self._digest(answer) if "docker-content-digest" in answer.headers else "sha256:"
        algorithm = claimed.partition(":")[0]
        actual = f"{algorithm}:{hashlib.new(algorithm, answer.body).hexdigest()}"
        if claimed not in ("sha256:", actual):
            raise RegistryUnavailable(f"{self.registry} gives a wrong digest: it is not that of the manifest it sends")
        return actual

    def _missing(self, answer: Answer) -> Resolution:
        """404: the tag is missing, if this is a registry at all."""
        tags = self.tags()
        if tags is None and not answer.codes() and "docker-distribution-api-version" not in answer.headers:
            raise RegistryUnavailable(f"{self.registry} answers 404 and does not say of what: is it a registry?")
        if tags is not None and self.image.tag in tags:
            raise RegistryUnavailable(f"{self.registry} lists the tag but does not serve its manifest")
        message = f"{self.image.name} has no tag {self.image.tag}"
        if tags is None:
            return TagMissing(message)
        close = nearest(self.image.tag, tags)
        if not close:
            return TagMissing(f"{message}, nor any other: is the repository's name right?")
        return TagMissing(f"{message}; the nearest that exist: {', '.join(close)}", close)

    def tags(self) -> frozenset[str] | None:
        """The repository's tags, at least the first thousands; none if there is no repository, None if not told."""
        found: set[str] = set()
        url: httpx.URL | None = self.endpoint.copy_with(path=f"/v2/{self.image.repository}/tags/list", query=b"n=1000")
        for _ in range(MAX_TAG_PAGES):
            if url is None:
                break
            try:
                answer = self.ask("GET", url, "application/json", MAX_TAG_PAGE)
            except (HostNotAllowed, Forbidden, RegistryUnavailable):
                return frozenset(found) or None
            listing = answer.json()
            if answer.status != _OK or "tags" not in listing:
                return frozenset(found) or (frozenset() if answer.codes() else None)
            # A repository without tags has null here.
            tags = listing["tags"] if isinstance(listing["tags"], list) else []
            found.update(tag for tag in tags if isinstance(tag, str))
            url = self._next(answer)
        return frozenset(found)

    def _next(self, answer: Answer) -> httpx.URL | None:
        """The next page (RFC 8288), if it is at the same registry."""
        link = _NEXT.search(answer.headers.get("link", ""))
        if link is None:
            return None
        try:
            url = answer.url.join(link[1])
        except httpx.InvalidURL:
            return None
        return url if (url.scheme, Authority.of(url)) == (answer.url.scheme, self.registry) else None
