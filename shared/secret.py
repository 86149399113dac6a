"""One credential, given as it is or in a file whose content may change while we run.

Kubernetes changes the files of a mounted Secret by turning the link `..data` to a new folder and then removing the old
one, within about a minute and a half of the change; so what is read is whole, and a name that led into the old folder
is looked up once more. A file is read whenever its credential is used, some 10 µs: what is there now is what counts,
without a watch, a restart, or a clock to trust.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from shared.errors import TransientError

Source = Callable[[], SecretStr]
"""Says what a credential is at the moment."""

TOKEN: Final = re.compile(r"[!-~]+")
"""What a header can hold, and a token is."""

UNREADABLE: Final = "CredentialUnreadable"
MAX_SIZE: Final = 1024 * 1024
"""Of what is read, in bytes: a Secret holds no more."""


@dataclass(frozen=True)
class Secret:
    """The credential of the setting `variable`: `value`, or else what is in `file`. Call it for what it is now.

    What surrounds a file's content as white space is no part of it. A call raises `TransientError` (reason
    CredentialUnreadable), with the file's name and never its content, when there is none: the next try may find one.
    """

    variable: str
    value: SecretStr | None = None
    file: Path | None = None
    is_token: bool = True

    def __call__(self) -> SecretStr:
        """What it is now."""
        if self.value is not None:
            return self.value
        if self.file is None:
            raise ValueError(f"{self.variable}: neither a value nor a file")
        text = _text(self.file, f"{self.variable}_FILE").strip()
        if not text:
            raise unreadable(self.file, f"{self.variable}_FILE", "is empty")
        if self.is_token and not TOKEN.fullmatch(text):
            raise unreadable(self.file, f"{self.variable}_FILE", "holds no token: printable ASCII without blanks")
        return SecretStr(text)


def fixed(value: SecretStr) -> Source:
    """A credential that stays what it is."""
    return lambda: value


def content(file: Path) -> bytes:
    """What is in a mounted file, of which the folder may be exchanged just now. Raises OSError."""
    try:
        return _read(file)
    except FileNotFoundError:
        return _read(file)


def unreadable(file: Path, variable: str, how: str) -> TransientError:
    """The error for a file that `variable` names and that holds no credential."""
    return TransientError(
        f"{file} {how}: put the credential into it (in a cluster: into the Secret that is mounted there), or name "
        f"another file in {variable}",
        reason=UNREADABLE,
    )


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MAX_SIZE)


def _text(file: Path, variable: str) -> str:
    try:
        return content(file).decode()
    except OSError as error:
        raise unreadable(file, variable, f"cannot be read ({error.strerror or type(error).__name__})") from error
    except UnicodeDecodeError:
        # Not chained: the decoder's error carries what it could not read.
        raise unreadable(file, variable, "is no text in UTF-8") from None
