"""What a registry serves: bytes that are named by their digest."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

OCI: Final = "application/vnd.oci.image.manifest.v1+json"

REPOSITORY: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
TAG: Final = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
"""Names as the distribution specification allows them."""


@dataclass(frozen=True)
class Content:
    """Some bytes and what they are."""

    media_type: str
    data: bytes

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of the bytes."""
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"


@dataclass(frozen=True)
class Repository:
    """What a repository serves: tags in lexical order, manifests by digest, blobs by digest."""

    private: bool
    tags: dict[str, str]
    manifests: dict[str, Content]
    blobs: dict[str, Content]

    def manifest(self, reference: str) -> Content | None:
        """The manifest of a tag or digest."""
        return self.manifests.get(self.tags.get(reference, reference))


def descriptor(content: Content) -> dict[str, Any]:
    """How a manifest names a blob or another manifest."""
    return {"mediaType": content.media_type, "digest": content.digest, "size": len(content.data)}


def document(media_type: str, document: dict[str, Any]) -> Content:
    """A JSON document, the same bytes for the same content."""
    return Content(media_type, json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
