"""A push as bytes: what is sent to `git-receive-pack`, and what it answers (gitprotocol-pack, "Pushing Data").

The server compares each reference with what is expected of it while it holds its lock, and looks whether everything
that a new commit needs is there. So nothing has to be asked before, and nothing is overwritten.
"""

import hashlib
import re
import zlib
from collections.abc import Mapping

from .objects import Stored
from .packets import FLUSH, FLUSH_PACKET, NotGit, packet, packets

Updates = Mapping[str, tuple[str | None, str]]
"""Full name of a reference → expected, new; None expects that there is none."""

_NOTHING = "0" * 40
_CAPABILITIES = "report-status side-band-64k agent=infraforge"
_NUMBERS = {"commit": 1, "tree": 2, "blob": 3}
_REPORT, _TOLD, _FATAL = 1, 2, 3


def request(updates: Updates, objects: Mapping[str, Stored]) -> bytes:
    """The body that moves references all or none, with the objects that the server lacks."""
    capabilities = _CAPABILITIES + (" atomic" if len(updates) > 1 else "")
    lines = [f"{expected or _NOTHING} {new} {name}" for name, (expected, new) in updates.items()]
    lines[0] += f"\0 {capabilities}"
    return b"".join(packet(line.encode()) for line in lines) + FLUSH_PACKET + pack(objects)


def pack(objects: Mapping[str, Stored]) -> bytes:
    """A pack of whole objects (gitformat-pack)."""
    parts = [b"PACK", (2).to_bytes(4), len(objects).to_bytes(4)]
    for kind, data in objects.values():
        parts += [_header(_NUMBERS[kind], len(data)), zlib.compress(data)]
    content = b"".join(parts)
    return content + hashlib.sha1(content, usedforsecurity=False).digest()


def refusal(page: bytes, updates: Updates) -> str | None:
    """What `git push` would print of this answer; None when every reference was moved. Raises NotGit for no answer."""
    streams: dict[int, bytearray] = {_REPORT: bytearray(), _TOLD: bytearray(), _FATAL: bytearray()}
    for line in packets(page):
        if line != FLUSH:
            if line[0] not in streams:
                raise NotGit("no band")
            streams[line[0]] += line[1:]
    told = streams[_TOLD].decode(errors="replace")
    text = "".join(f"remote: {line}\n" for line in re.split(r"[\r\n]+", told) if line)
    if streams[_FATAL]:
        return f"{text}fatal: remote error: {streams[_FATAL].decode(errors='replace')}"
    unpacked, moved, refused = _report(bytes(streams[_REPORT]))
    if unpacked == "ok" and moved == set(updates):
        return None
    if unpacked != "ok":
        text += f"error: remote unpack failed: {unpacked}\n"
    return text + "".join(f" ! [remote rejected] {name} ({reason})\n" for name, reason in refused.items())


def _report(page: bytes) -> tuple[str, set[str], dict[str, str]]:
    """What came of the pack, the references that were moved, and why others were not."""
    unpacked, moved, refused, is_whole = "", set(), {}, False
    for line in packets(page):
        is_whole = line == FLUSH
        word, _, rest = line.decode(errors="replace").rstrip("\n").partition(" ")
        if word == "unpack":
            unpacked = rest
        elif word == "ok":
            moved.add(rest)
        elif word == "ng":
            name, _, reason = rest.partition(" ")
            refused[name] = reason
    if not unpacked or not is_whole:
        raise NotGit("the report is missing or was cut off")
    return unpacked, moved, refused


def _header(number: int, size: int) -> bytes:
    """Kind and size of an object: four bits of the size in the first byte, seven in each further one."""
    found, size = bytearray([number << 4 | size & 15]), size >> 4
    while size:
        found[-1] |= 0x80
        found.append(size & 0x7F)
        size >>= 7
    return bytes(found)
