"""Compare what was recorded with what came now: equal but for times, sizes, ports and the identifiers of commits.

Identifiers are matched, not ignored: one recorded commit is always the same one here.
"""

import re
from dataclasses import dataclass, field
from typing import Any

_SHA = re.compile(r"[0-9a-f]{40}")
_DATE = re.compile(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)")
# Not the same twice: how large a repository is on disk, what a token ends in, what this Gitea calls itself and its SSH
# user, and the language that its statistics, made some time after a push, have found.
_VOLATILE = frozenset(("size", "token_last_eight", "version", "ssh_url", "language"))
_MARKERS = ("TOKEN-OF-PLATFORM", "TOKEN-READONLY", "TOKEN-OF-STRANGER")


@dataclass
class Matcher:
    """Knows which recorded identifier is which of ours, and which recorded token is which of ours."""

    receiver: str = "127.0.0.1:8899"
    shas: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def ours(self, recorded: str) -> str:
        """A recorded text as it has to be sent now."""
        for marker in _MARKERS:
            if marker in self.tokens:
                recorded = recorded.replace(marker, self.tokens[marker])
        recorded = recorded.replace("127.0.0.1:8899", self.receiver)
        return _SHA.sub(lambda match: self.shas.get(match[0], match[0]), recorded)

    def differences(self, recorded: Any, got: Any, where: str = "") -> list[str]:
        """Where the two differ, one line for each place; empty when they match."""
        if isinstance(recorded, dict) and isinstance(got, dict):
            found = [f"{where}: keys {list(recorded)} != {list(got)}"] if recorded.keys() != got.keys() else []
            for key in recorded.keys() & got.keys():
                if key in _VOLATILE and type(recorded[key]) is type(got[key]):
                    continue
                found += self.differences(recorded[key], got[key], f"{where}.{key}")
            return found
        if isinstance(recorded, list) and isinstance(got, list):
            found = [f"{where}: {len(recorded)} != {len(got)} items"] if len(recorded) != len(got) else []
            for number, pair in enumerate(zip(recorded, got, strict=False)):
                found += self.differences(*pair, f"{where}[{number}]")
            return found
        if isinstance(recorded, str) and isinstance(got, str):
            return [] if self.same_text(recorded, got) else [f"{where}: {recorded!r} != {got!r}"]
        return [] if recorded == got and type(recorded) is type(got) else [f"{where}: {recorded!r} != {got!r}"]

    def same_text(self, recorded: str, got: str) -> bool:
        """Whether two texts say the same."""
        if recorded in _MARKERS and _SHA.fullmatch(got):
            return self.tokens.setdefault(recorded, got) == got
        got = got.replace(self.receiver, "127.0.0.1:8899")
        if _DATE.sub("DATE", _SHA.sub("SHA", recorded)) != _DATE.sub("DATE", _SHA.sub("SHA", got)):
            return False
        pairs = zip(_SHA.findall(recorded), _SHA.findall(got), strict=True)
        return all(self.shas.setdefault(then, now) == now for then, now in pairs)


def advertised(text: str) -> tuple[list[str], set[str]]:
    """The references of a smart HTTP advertisement, and the capabilities but for the versions of git in them."""
    references, capabilities = [], set[str]()
    for line in text.replace("\0", " ").splitlines():
        match = re.match(r"(?:0000)?[0-9a-f]{4}([0-9a-f]{40}) (\S+)(.*)", line)
        if match:
            references.append(f"{match[1]} {match[2]}")
            capabilities |= {one for one in match[3].split() if not one.startswith("agent=")}
    return references, capabilities


def plain_stderr(text: str, port: int) -> list[str]:
    """What git says, without hints (they change with its version), identifiers, ports and temporary folders."""
    text = text.replace(f"127.0.0.1:{port}", "127.0.0.1:3999")
    text = _SHA.sub("SHA", text)
    text = re.sub(r"\b[0-9a-f]{7,12}(\.{2,3})[0-9a-f]{7,12}\b", r"OLD\1NEW", text)
    text = re.sub(r"(Cloning into (?:bare repository )?)'.*'", r"\1'TMP'", text)
    text = re.sub(r"(Failed to connect to \S+ port 9\b).*", r"\1", text)
    return [line.rstrip() for line in text.splitlines() if not line.startswith("hint:")]
