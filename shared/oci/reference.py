"""Image references, by the grammar of `github.com/distribution/reference`, the one that kubelet and containerd use."""

import re
from dataclasses import dataclass
from typing import Final

from shared.errors import InvalidClaim

DEFAULT_REGISTRY: Final = "docker.io"
MAX_NAME: Final = 255
MAX_TAG: Final = 128

_LABEL: Final = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)"
_REGISTRY: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]{{1,5}})?")
_COMPONENT: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IDENTIFIER: Final = re.compile(r"[a-f0-9]{64}")
_SHOWN: Final = 80


@dataclass(frozen=True)
class Reference:
    """One tagged image.

    `registry` is a lower-case host as claims say it (`ghcr.io`, `localhost:5000`, `[2001:db8::1]:5000`), `repository`
    the path below it (`library/nginx`), `tag` what stands after the colon.
    """

    registry: str
    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.name}:{self.tag}"

    @property
    def name(self) -> str:
        """The reference without its tag."""
        return f"{self.registry}/{self.repository}"


def parse(repository: str, tag: str, *, field: str = "image") -> Reference:
    """The reference that a claim's `image.repository` and `image.tag` mean.

    `nginx` is `docker.io/library/nginx`. `field` names the image in messages (`spec.applications[0].image`).

    Raises `InvalidClaim` if either does not parse, or if the repository carries what belongs elsewhere.
    """
    where = f"{field}.repository"
    _refuse_strangers(repository, where)
    registry, path = _split(repository)
    if not _REGISTRY.fullmatch(registry):
        raise InvalidClaim(f"{where} {_shown(repository)}: {_shown(registry)} is not a registry host, such as ghcr.io")
    if path != path.lower():
        raise InvalidClaim(f"{where} {_shown(repository)} has capital letters: write it in lower case")
    if not _PATH.fullmatch(path) or _IDENTIFIER.fullmatch(repository):
        raise InvalidClaim(
            f"{where} {_shown(repository)} is not an image name: parts of a-z and 0-9, joined by one of . _ __ -, "
            "with / between them"
        )
    if len(registry) + 1 + len(path) > MAX_NAME:
        raise InvalidClaim(
            f"{where} is {len(registry) + 1 + len(path)} characters long: at most {MAX_NAME} are allowed"
        )
    if not is_tag(tag):
        raise InvalidClaim(
            f"{field}.tag {_shown(tag)} is not a tag: up to {MAX_TAG} letters, digits, . _ and -, "
            "beginning with a letter, a digit or _"
        )
    return Reference(registry.lower(), path, tag)


def is_tag(text: str) -> bool:
    """Whether `text` is a well-formed tag, and so safe to show."""
    return _TAG.fullmatch(text) is not None


def is_registry(text: str) -> bool:
    """Whether `text` is a well-formed registry host with an optional port."""
    return _REGISTRY.fullmatch(text) is not None


def _refuse_strangers(repository: str, where: str) -> None:
    """What people paste into the field although it belongs elsewhere, with the mend for each."""
    if not repository:
        raise InvalidClaim(f"{where} is empty: write an image name, such as ghcr.io/acme/shop")
    if "://" in repository:
        raise InvalidClaim(f"{where} is a URL: write the image name alone, such as ghcr.io/acme/shop")
    name, at, digest = repository.partition("@")
    if at and re.match(r"[A-Za-z0-9_+.-]+:[A-Fa-f0-9]{32,}$", digest):
        raise InvalidClaim(
            f"{where} {_shown(name)} carries a digest: write the name alone, and imagePolicy: Digest to pin the tag"
        )
    if at:
        # What stands before the @ may be a password, so none of it is shown.
        raise InvalidClaim(f"{where} carries an @: a user name or password does not belong in a claim")
    head, slash, last = repository.rpartition("/")
    bare, colon, tag = last.partition(":")
    if colon:
        raise InvalidClaim(
            f"{where} {_shown(repository)} carries a tag: write repository: {_shown(head + slash + bare)} "
            f"and tag: {_shown(tag)}"
        )


def _split(repository: str) -> tuple[str, str]:
    """Registry and path. A first part counts as a host only if it looks like one, as Docker has it."""
    first, slash, rest = repository.partition("/")
    if not slash:
        return DEFAULT_REGISTRY, f"library/{repository}"
    if not (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        return DEFAULT_REGISTRY, repository
    registry = DEFAULT_REGISTRY if first.lower() in (DEFAULT_REGISTRY, "index.docker.io") else first
    if registry == DEFAULT_REGISTRY and "/" not in rest:
        return registry, f"library/{rest}"
    return registry, rest


def _shown(text: str) -> str:
    """`text` quoted for a message: control characters escaped, long ones cut."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
