"""What a pod's kubeconfig is made from."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.node.api import server_of


def kubeconfig(folder: Path, cluster: dict[str, Any], current: str = "here") -> Path:
    """A kubeconfig of one cluster."""
    file = folder / "kubeconfig"
    contexts = [{"name": "here", "context": {"cluster": "c", "user": "u"}}]
    document = {"clusters": [{"name": "c", "cluster": cluster}], "contexts": contexts, "current-context": current}
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.mark.parametrize(
    ("cluster", "authority", "reason"),
    [
        ({"certificate-authority-data": base64.b64encode(b"PEM").decode()}, b"PEM", "the authority within"),
        ({"certificate-authority": "ca.crt"}, b"FILE", "the authority beside it"),
        ({}, b"", "one that the machine trusts anyway"),
    ],
)
def test_the_server(cluster: dict[str, Any], authority: bytes, reason: str, tmp_path: Path) -> None:
    """Everything that says how to reach it is kept; the authority is a file of the pod's own."""
    (tmp_path / "ca.crt").write_bytes(b"FILE")
    reach = {"server": "https://127.0.0.1:6443", "tls-server-name": "kubernetes"}
    found = server_of(kubeconfig(tmp_path, reach | cluster))

    assert (found.entry, found.authority) == (reach, authority), reason


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no cluster in its current context"):
        server_of(kubeconfig(tmp_path, {"server": "https://127.0.0.1:6443"}, "elsewhere"))
