"""Asking a component whether it serves."""

import base64
import binascii
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import yaml


def answer(url: str, *, authority: str | None = None, timeout: float = 1.0) -> int | None:
    """The status code that a GET of `url` is answered with; None when there is no answer.

    `authority` is the certificate (PEM) that an https server must be signed by.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection: HTTPConnection
    if parts.scheme == "https":
        try:
            context = ssl.create_default_context(cadata=authority)
        except (ssl.SSLError, ValueError):
            return None
        connection = HTTPSConnection(host, port, timeout=timeout, context=context)
    else:
        connection = HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def authority(kubeconfig: Path) -> str | None:
    """The certificate (PEM) of the first cluster of a kubeconfig; None while there is no such file."""
    try:
        cluster = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
        return base64.b64decode(cluster["certificate-authority-data"]).decode("ascii")
    except (OSError, yaml.YAMLError, LookupError, TypeError, binascii.Error, UnicodeDecodeError):
        return None
