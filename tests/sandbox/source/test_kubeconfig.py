"""What of a kubeconfig is understood, and what a configuration may say."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sandbox.source import config, kubeconfig


def _pair() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    return certificate, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _written(folder: Path, *, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> Path:
    document = {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u"}},
            {"name": "two", "context": {"cluster": "c"}},
            {"name": "lost", "context": {"cluster": "gone"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def test_token_and_authority(tmp_path: Path) -> None:
    """The form that the sandbox's own API server writes; the token is not shown by accident."""
    certificate, _ = _pair()
    data = base64.b64encode(certificate).decode()
    cluster = kubeconfig.read(_written(tmp_path, cluster={"certificate-authority-data": data}, user={"token": "t0ken"}))
    assert (cluster.server, cluster.token) == ("https://127.0.0.1:6443", "t0ken")
    assert "t0ken" not in repr(cluster)
    assert len(cluster.tls.get_ca_certs()) == 1, "that authority and no other"


def test_files_beside_the_kubeconfig(tmp_path: Path) -> None:
    """Paths are relative to it: a client certificate, an authority and a token in files."""
    certificate, key = _pair()
    (tmp_path / "crt").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)
    (tmp_path / "token").write_text("t0ken\n")
    user = {"client-certificate": "crt", "client-key": "key", "tokenFile": "token"}
    cluster = kubeconfig.read(_written(tmp_path, cluster={"certificate-authority": "crt"}, user=user))
    assert cluster.token == "t0ken"


def test_another_context(tmp_path: Path) -> None:
    """Chosen by name; this one has no user."""
    assert kubeconfig.read(_written(tmp_path, user={"token": "t"}), context="two").token is None


@pytest.mark.parametrize(
    ("context", "user", "message"),
    [
        ("three", {}, "the kubeconfig has no 'three' among its contexts"),
        ("lost", {}, "the kubeconfig has no 'gone' among its clusters"),
        (None, {"exec": {"command": "aws"}}, "logs in by exec: give it a token"),
        (None, {"username": "u", "password": "p"}, "logs in by username: give it a token"),
    ],
)
def test_refused(tmp_path: Path, context: str | None, user: dict[str, Any], message: str) -> None:
    """What is missing or not supported is named."""
    with pytest.raises(ValueError, match=message):
        kubeconfig.read(_written(tmp_path, user=user), context=context)


@pytest.mark.parametrize(
    ("kind", "plural", "why"),
    [
        ("ApplicationClaim", "applicationclaims", "most kinds"),
        ("Ingress", "ingresses", "a kind that ends in s"),
        ("NetworkPolicy", "networkpolicies", "a kind that ends in y"),
    ],
)
def test_plural(kind: str, plural: str, why: str) -> None:
    """Guessed as Knative guesses."""
    assert config.plural_of(kind) == plural, why


@pytest.mark.parametrize(
    ("resource", "namespace", "path"),
    [
        ({"apiVersion": "v1", "kind": "Secret"}, "dev", "/api/v1/namespaces/dev/secrets"),
        ({"apiVersion": "v1", "kind": "Secret"}, None, "/api/v1/secrets"),
        ({"apiVersion": "a.io/v1", "kind": "Mouse", "plural": "mice"}, None, "/apis/a.io/v1/mice"),
    ],
)
def test_path(resource: dict[str, Any], namespace: str | None, path: str) -> None:
    """The core group lives under /api, a plural that is given beats the guess."""
    assert config.Resource.model_validate(resource).path(namespace) == path


def test_a_misspelt_field_is_named(tmp_path: Path) -> None:
    """A configuration that is not understood is not half used."""
    path = tmp_path / "sources.yaml"
    path.write_text("pingSources: [{name: a, evry: 5}]\n")
    with pytest.raises(ValueError, match=r"pingSources\.0\.evry"):
        config.load(path)
