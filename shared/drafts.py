"""What a claim of an environment comes to before it is written: its rows' files, and the rows that are held back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared import leaks
from shared.claims.status import Row
from shared.history import checksum
from shared.wording import listed

CREDENTIAL: Final = "CredentialInValues"
MAX_NAMED: Final = 5


@dataclass(frozen=True)
class Hold:
    """Why a row is not written."""

    reason: str
    message: str


@dataclass
class Draft:
    """What a claim comes to: the content of each row's folder by its name, the set, and the rows that are held back.

    `unfit` are the paths in the claim's spec that must not be shown in a commit.
    """

    folders: dict[str, dict[str, bytes]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    held: dict[str, Hold] = field(default_factory=dict)
    unfit: list[str] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        """Whether another look at the same claim would come to the same."""
        return not self.held

    def hold_back(self, name: str, hold: Hold) -> None:
        """`name` stays in Git as it is, and its neighbours go on."""
        self.held[name] = hold
        self.folders.pop(name, None)

    def hold_leaks(
        self, rows: str, texts: Sequence[tuple[str, Mapping[str, Any]]], recorded: Mapping[str, Row]
    ) -> None:
        """Hold back rows with a credential in them. What is in Git already was looked at when it got there.

        `texts` are name and free content, by field, of each item of the spec's list `rows`; `recorded` are the rows of
        the status.
        """
        for index, (name, content) in enumerate(texts):
            before, files = recorded.get(name), self.folders.get(name)
            if before is not None and before.state == "Committed" and files and before.checksum == checksum(files):
                continue
            found = [f"{rows}[{index}].{path}" for path in leaks.find(content)]
            if found:
                self.unfit += found
                self.hold_back(
                    name,
                    Hold(
                        CREDENTIAL,
                        f"spec.{listed(found, MAX_NAMED)}: looks like a credential, and Git keeps what it is given for "
                        "ever: put it into a Secret and name the Secret here",
                    ),
                )

    @property
    def reason(self) -> tuple[str, str]:
        """Reason and message for the claim as a whole: the first held row's reason, a few by name."""
        named = [f"{name}: {hold.message}" for name, hold in self.held.items()]
        return next(iter(self.held.values())).reason, listed(named, MAX_NAMED, "; ")


def held_row(name: str, hold: Hold, recorded: Row | None, **fields: Any) -> dict[str, Any]:
    """A held row keeps what it says of the files that are in Git, and says why they stay as they are."""
    before = recorded.model_dump() if recorded is not None else {"name": name}
    return before | {"state": "Held", "reason": hold.reason, "message": hold.message} | fields
