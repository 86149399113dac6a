"""HTTP/1.1 messages as bytes: cut out of a stream, and passed on unchanged (RFC 9112)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

MAX_HEAD = 1 << 20
_PART = 65536
_BODILESS = frozenset({204, 304})


@dataclass(frozen=True)
class Head:
    """The first line and the headers of a message; names are in lower case, `raw` is as it came."""

    first: str
    headers: Mapping[str, str]
    raw: bytes

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> "Head":
        """The next message's head. Raises EOFError at the stream's end, ValueError for nonsense."""
        raw = await reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        return cls(first, {name.strip().lower(): value.strip() for name, _, value in pairs}, raw)

    def replaced(self, changes: Mapping[str, str | None]) -> bytes:
        """The head with other values for some headers; None takes one out."""
        lines = [line for line in self.raw.decode("latin-1").split("\r\n")[1:] if line]
        kept = [line for line in lines if line.partition(":")[0].strip().lower() not in changes]
        new = [f"{name}: {value}" for name, value in changes.items() if value is not None]
        return "\r\n".join([self.first, *kept, *new, "", ""]).encode("latin-1")

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.first.split(" ", 2)[1])

    @property
    def closes(self) -> bool:
        """Whether the sender closes the connection after this message."""
        return self.headers.get("connection", "").lower() == "close"


async def body(reader: asyncio.StreamReader, head: Head, *, until_close: bool) -> AsyncIterator[bytes]:
    """The parts of a message's body, chunk sizes and trailers included, as they arrive."""
    if "chunked" in head.headers.get("transfer-encoding", "").lower():
        size = -1
        while size != 0:
            line = await reader.readuntil(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            yield line + await reader.readexactly(size + 2)
    elif "content-length" in head.headers:
        left = int(head.headers["content-length"])
        while left:
            part = await reader.read(min(left, _PART))
            if not part:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(part)
            yield part
    elif until_close:
        while part := await reader.read(_PART):
            yield part


def has_body(method: str, answer: Head) -> bool:
    """Whether an answer to `method` has a body at all."""
    return method != "HEAD" and answer.status not in _BODILESS


def framed(method: str, answer: Head) -> bool:
    """Whether the answer's end can be told without the connection's."""
    lengths = {"content-length", "transfer-encoding"}
    return not has_body(method, answer) or bool(lengths & answer.headers.keys())


def plain(status: int, headers: Mapping[str, str], content: bytes) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} Chaos", *(f"{name}: {value}" for name, value in headers.items())]
    lines += [] if status in _BODILESS else [f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content
