"""What a remote's references point to, as version 0 of the protocol tells it in one answer.

The page is that of git-scm.com/docs/http-protocol, "Smart Clients", and gitprotocol-pack, "Reference Discovery".
"""

import re

from .packets import FLUSH, NotGit, packets

_REFERENCE = re.compile(rb"([0-9a-f]{40}) ([^\0\n ]+)")
_NO_REFERENCES = "capabilities^{}"


def parse(page: bytes) -> dict[str, str]:
    """Full name → 40 hex digits, of an annotated tag what it is a tag of. Raises NotGit for no whole listing."""
    lines = (line.removesuffix(b"\n") for line in packets(page))
    if next(lines, None) != b"# service=git-upload-pack" or next(lines, None) != FLUSH:
        raise NotGit("no listing")
    found: dict[str, str] = {}
    for line in lines:
        if line == FLUSH:
            if next(lines, None) is not None:
                raise NotGit("something follows the listing")
            found.pop(_NO_REFERENCES, None)  # stands for them in an empty repository
            return {name.removesuffix("^{}"): sha for name, sha in found.items()}  # a peeled one follows its tag
        if line.startswith(b"shallow "):
            continue
        reference = _REFERENCE.fullmatch(line.partition(b"\0")[0])  # the first one carries what the server can do
        if reference is None:
            raise NotGit(f"{line[:60]!r} is no reference")
        found[reference[2].decode(errors="surrogateescape")] = reference[1].decode()
    raise NotGit("the listing was cut off")
