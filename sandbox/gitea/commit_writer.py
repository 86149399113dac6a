"""One commit from changed files, by `git fast-import`: one process, no checkout, whatever the repository's size."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sandbox.gitea.plumbing import Git


@dataclass(frozen=True)
class Change:
    """A file's new content (None deletes it); `mode` as Git writes it."""

    path: str
    content: bytes | None
    mode: str = "100644"


@dataclass(frozen=True)
class Signature:
    """Author or committer; `date` in RFC 3339."""

    name: str
    email: str
    date: str

    def line(self) -> str:
        """As fast-import takes it: name, address, seconds since 1970 and the offset from UTC."""
        moment = datetime.fromisoformat(self.date)
        name, email = (text.translate({ord(c): None for c in "<>\n\0"}) for text in (self.name, self.email))
        return f"{name} <{email}> {int(moment.timestamp())} {moment.strftime('%z') or '+0000'}"


async def write_commit(
    git: Git,
    path: Path,
    *,
    parent: str | None,
    changes: Sequence[Change],
    author: Signature,
    committer: Signature,
    message: str,
) -> str:
    """Write a commit that no branch knows yet, and return its identifier; without changes it is an empty one."""
    reference = f"refs/sandbox/{uuid.uuid4().hex}"
    text = f"{message.strip()}\n".encode()
    head = f"commit {reference}\nauthor {author.line()}\ncommitter {committer.line()}\n"
    stream = [head.encode(), b"data %d\n" % len(text), text, b"\n"]
    if parent:
        stream.append(f"from {parent}\n".encode())
    for change in changes:
        quoted = '"' + change.path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        if change.content is None:
            stream.append(f"D {quoted}\n".encode())
        else:
            stream.append(f"M {change.mode} inline {quoted}\ndata {len(change.content)}\n".encode())
            stream += [change.content, b"\n"]
    await git.run(path, "fast-import", "--quiet", "--force", stdin=b"".join(stream))
    sha = await git.text(path, "rev-parse", "--verify", reference)
    await git.run(path, "update-ref", "-d", reference)
    return sha
