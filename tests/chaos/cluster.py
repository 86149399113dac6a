"""The API server as a person reaches it, past every proxy."""

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from shared.claims import API_VERSION

Document = dict[str, Any]

PLURALS: Final = {
    "BootstrapClaim": "bootstrapclaims",
    "ApplicationClaim": "applicationclaims",
    "PlatformClaim": "platformclaims",
}
_CONFLICT: Final = 409
_NOT_FOUND: Final = 404


class Cluster:
    """Claims in the API server of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster = document["clusters"][0]["cluster"]
        self.url: str = cluster["server"]
        self.authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        token = document["users"][0]["user"]["token"]
        self._document = document
        self._http = httpx.Client(
            base_url=self.url,
            verify=ssl.create_default_context(cadata=self.authority),
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def kubeconfig(self, server: str) -> str:
        """A kubeconfig for the same user at another address."""
        named = {"name": self._document["clusters"][0]["name"], "cluster": {"server": server}}
        return str(yaml.safe_dump(self._document | {"clusters": [named]}))

    def live(self) -> Iterator[Document]:
        """Every claim."""
        for kind, plural in PLURALS.items():
            for item in self._http.get(f"/apis/{API_VERSION}/{plural}").raise_for_status().json()["items"]:
                yield {"apiVersion": API_VERSION, "kind": kind} | item

    def get(self, claim: Document) -> Document | None:
        """The live claim of that kind and name."""
        answer = self._http.get(_path(claim))
        return None if answer.status_code == _NOT_FOUND else answer.raise_for_status().json()

    def create(self, claim: Document) -> bool:
        """Create it; False when the earlier one of that name is still going."""
        answer = self._http.post(_path(claim).rpartition("/")[0], json=claim)
        if answer.status_code == _CONFLICT:
            return False
        answer.raise_for_status()
        return True

    def patch(self, claim: Document, change: Document) -> bool:
        """Merge a change into the live claim; False when there is none."""
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = self._http.patch(_path(claim), json=change, headers=headers)
        if answer.status_code == _NOT_FOUND:
            return False
        answer.raise_for_status()
        return True

    def annotate(self, claim: Document, name: str, value: str) -> bool:
        """Set an annotation."""
        return self.patch(claim, {"metadata": {"annotations": {name: value}}})

    def delete(self, claim: Document) -> None:
        """Ask for its deletion; one that is gone is no error."""
        answer = self._http.delete(_path(claim))
        if answer.status_code != _NOT_FOUND:
            answer.raise_for_status()


def reference(claim: Document) -> str:
    """`Kind/namespace/name`, as commits name a claim."""
    metadata = claim["metadata"]
    return f"{claim['kind']}/{metadata['namespace']}/{metadata['name']}"


def _path(claim: Document) -> str:
    metadata = claim["metadata"]
    return f"/apis/{API_VERSION}/namespaces/{metadata['namespace']}/{PLURALS[claim['kind']]}/{metadata['name']}"
