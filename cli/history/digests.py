"""The image digests that Git holds for a claim with `imagePolicy: Digest`. Pure.

Such a claim's status remembers what each image was resolved to, and the functions write that. A claim that is created
again remembers nothing, and a tag that has moved on since would bring another image along.
"""

from collections.abc import Mapping
from typing import Any

from cli.helm_values import Unreadable, read


def folder(spec: Mapping[str, Any]) -> str | None:
    """Where Git holds them; None for a claim that deploys tags, or no images."""
    if spec.get("imagePolicy") != "Digest":
        return None
    return f"environments/{spec.get('clusterType')}/{spec.get('environment')}/applications"


def remembered(spec: Mapping[str, Any], files: Mapping[str, bytes]) -> list[dict[str, str]]:
    """The rows of a status that remembers the digests in `files` (path → content), each for just the claim's image."""
    rows = []
    for row in spec.get("applications") or ():
        image = _image(files.get(f"{folder(spec)}/{row['name']}/values.yaml"))
        digest, wanted = image.get("digest"), row["image"]
        is_of_it = (image.get("repository"), image.get("tag")) == (wanted["repository"], wanted["tag"])
        if isinstance(digest, str) and is_of_it:
            rows.append({"name": row["name"], "image": f"{wanted['repository']}:{wanted['tag']}", "digest": digest})
    return rows


def _image(content: bytes | None) -> Mapping[str, Any]:
    try:
        found = read(content or b"").get("image")
    except Unreadable:
        return {}
    return found if isinstance(found, dict) else {}
