"""A certificate authority and a server certificate of one's own, and the kubeconfig that trusts them."""

import base64
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_AUTHORITY = "infraforge-sandbox-ca"
_LIFETIME = timedelta(days=3650)
# Strict verifiers (Python 3.13 is one) want an authority to say that it may sign.
_SIGNING = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True} | dict.fromkeys(
    (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


@dataclass(frozen=True)
class Certificates:
    """Files in the data directory, PEM."""

    authority: Path
    certificate: Path
    key: Path


def ensure_certificates(directory: Path) -> Certificates:
    """Return the server's certificate for 127.0.0.1 and localhost; made at the first start."""
    files = Certificates(directory / "ca.crt", directory / "server.crt", directory / "server.key")
    if not all(path.exists() for path in (files.authority, files.certificate, files.key)):
        _make(files)
    return files


def ensure_token(path: Path) -> str:
    """Return the admin's token; a missing file gets a random one, readable by its owner only."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


def write_kubeconfig(path: Path, server: str, authority: Path, token: str) -> None:
    """Write a kubeconfig with one context, `infraforge-sandbox`."""
    encoded = base64.b64encode(authority.read_bytes()).decode()
    name = "infraforge-sandbox"
    write_private(
        path,
        "apiVersion: v1\nkind: Config\n"
        f"clusters:\n- name: {name}\n  cluster:\n    server: {server}\n    certificate-authority-data: {encoded}\n"
        f"users:\n- name: {name}\n  user:\n    token: {token}\n"
        f"contexts:\n- name: {name}\n  context: {{cluster: {name}, user: {name}, namespace: default}}\n"
        f"current-context: {name}\n",
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; a reader sees the old text or the new."""
    draft = path.with_name(f".{path.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def _make(files: Certificates) -> None:
    from cryptography import x509  # noqa: PLC0415 - slow to import, and only the first start needs it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - OpenSSL comes with it
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - only for keys that are made once

    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)

    def builder(subject: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        name, issuer = (
            x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)]) for text in (subject, _AUTHORITY)
        )
        dated = x509.CertificateBuilder().not_valid_before(now - timedelta(hours=1)).not_valid_after(now + _LIFETIME)
        named = dated.subject_name(name).issuer_name(issuer)
        return named.public_key(key).serial_number(x509.random_serial_number())

    authority = (
        builder(_AUTHORITY, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**_SIGNING), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    server = (
        builder("infraforge-sandbox", server_key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files.authority.write_bytes(authority.public_bytes(pem))
    files.certificate.write_bytes(server.public_bytes(pem))
    private = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(files.key, private.decode())
