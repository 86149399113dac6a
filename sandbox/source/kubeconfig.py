"""The part of a kubeconfig that a client with a token or a certificate needs."""

import base64
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Cluster:
    """An API server and how to be let in. `server` is its URL as the file has it."""

    server: str
    tls: ssl.SSLContext
    token: str | None = field(default=None, repr=False)


def read(path: Path, *, context: str | None = None) -> Cluster:
    """The cluster of `context` (or of the current one) in the kubeconfig `path`.

    Raises ValueError naming what is missing, or a way of logging in that is not supported here (exec plugins,
    auth providers, user name and password).
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError(f"{path} is not a kubeconfig")  # noqa: TRY004 - whatever is wrong with the file is one error
    chosen = context or document.get("current-context")
    entry = _named(document, "contexts", chosen)["context"]
    cluster = _named(document, "clusters", entry.get("cluster"))["cluster"]
    user = _named(document, "users", entry.get("user"))["user"] if entry.get("user") else {}
    for unsupported in ("exec", "auth-provider", "username"):
        if unsupported in user:
            raise ValueError(f"{path}: the user of context {chosen} logs in by {unsupported}: give it a token")
    return Cluster(str(cluster["server"]), _tls(path.parent, cluster, user), _token(path.parent, user))


def _named(document: dict[str, Any], key: str, name: object) -> dict[str, Any]:
    for entry in document.get(key) or []:
        if entry.get("name") == name:
            found: dict[str, Any] = entry
            return found
    raise ValueError(f"the kubeconfig has no {name!r} among its {key}")


def _token(folder: Path, user: dict[str, Any]) -> str | None:
    if "tokenFile" in user:
        return (folder / str(user["tokenFile"])).read_text(encoding="utf-8").strip()
    token: str | None = user.get("token")
    return token


def _tls(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    authority = _content(folder, cluster, "certificate-authority")
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    certificate, key = _content(folder, user, "client-certificate"), _content(folder, user, "client-key")
    if certificate and key:
        with _private_file(certificate + b"\n" + key) as both:
            tls.load_cert_chain(both)
    return tls


def _content(folder: Path, entry: dict[str, Any], key: str) -> bytes | None:
    """The value of `<key>-data`, or of the file that `<key>` names (relative to the kubeconfig)."""
    if f"{key}-data" in entry:
        return base64.b64decode(entry[f"{key}-data"])
    return (folder / entry[key]).read_bytes() if key in entry else None


@contextmanager
def _private_file(content: bytes) -> Iterator[str]:
    """Python's TLS reads certificates from files only; this one is ours alone, and gone afterwards."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name
