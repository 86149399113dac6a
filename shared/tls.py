"""Whose certificates a server is believed by."""

import ssl
from pathlib import Path

from shared.errors import PermanentError


def trusting(authorities: Path | None) -> ssl.SSLContext | bool:
    """For httpx's `verify`: those of the file and nobody else, or for None the public ones.

    Raises `PermanentError` for a file without a certificate of an authority.
    """
    if authorities is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(authorities))
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise PermanentError(
            f"INFRAFORGE_GITEA_CA_FILE: {authorities} holds no certificates in PEM ({type(error).__name__}): put those "
            "of the authorities into it that Gitea's certificate is checked against",
            reason="InvalidSettings",
        ) from error
