"""Git's pkt-lines (gitprotocol-common): four hexadecimal digits of length, then content."""

import re
from collections.abc import Iterator
from typing import Final

FLUSH: Final = b""
"""Stands for the packet that ends a section."""

FLUSH_PACKET: Final = b"0000"


class NotGit(ValueError):
    """A page that is not what Git says at this place."""


def packet(line: bytes) -> bytes:
    """One packet with this content, which has at most 65,516 bytes."""
    return b"%04x%s" % (len(line) + 4, line)


def packets(page: bytes) -> Iterator[bytes]:
    """The content of each packet, `FLUSH` for the one that ends a section. Raises NotGit."""
    start = 0
    while start < len(page):
        digits = page[start : start + 4]
        if not re.fullmatch(rb"[0-9a-f]{4}", digits):
            raise NotGit("no packet")
        size = int(digits, 16)
        if size == 0:
            yield FLUSH
        elif size <= 4 or start + size > len(page):  # noqa: PLR2004 - the length counts its own four digits
            raise NotGit("a packet without its content")
        else:
            yield page[start + 4 : start + size]
        start += max(size, 4)
