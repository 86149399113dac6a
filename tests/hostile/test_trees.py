"""What somebody with a clone can put into Git that no claim could: names, authors and messages of any bytes.

The functions undo it, whatever it is called, and what a status, an Event and a commit say of it is text for people.
"""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from shared.events import PING, Event
from shared.git.message import parse as parse_message
from tests.functions.gitea import GiteaServer
from tests.functions.platform import Platform, example, ready
from tests.hostile.strategies import HOSTILE
from tests.shared.claims.admission import faults

DEV = "environments/nonprod/dev/applications"
DATES = [
    (b"0 +0000", "the epoch"),
    (b"-1 +0000", "before it"),
    (b"4102444800 +0000", "to come"),
    (b"253402300800 +0000", "the year 10000"),
    (b"99999999999999 +0000", "beyond any calendar"),
    (b"1764000000 +9999", "no zone"),
    (b"1764000000 -1459", "a zone that nobody lives in"),
]
FOLDERS = [
    (DEV, "ApplicationClaim", "beside the applications"),
    (f"{DEV}/user-service", "ApplicationClaim", "in an application's folder"),
    ("appsets/nonprod/apps", "BootstrapClaim", "beside the sets"),
    ("environments/nonprod/dev", "BootstrapClaim", "in an environment"),
    ("environments/nonprod", "BootstrapClaim", "beside the environments"),
    ("environments", "BootstrapClaim", "beside the types"),
    ("appsets/nonprod", "BootstrapClaim", "beside the folders of sets"),
    ("root-apps/nonprod", "BootstrapClaim", "beside the root apps"),
    ("", "BootstrapClaim", "at the root"),
]
NAMES = sorted(
    {one.encode("utf-8", "surrogatepass").replace(b"\0", b"?").replace(b"/", b"%2f") for one in HOSTILE}
    | {b"\xff\xfe", b"\xed\xa0\x80", b"x" * 300, b"y" * 4_000, b".gitmodules", b".GIT", b"git~1"}
)
AUTHORS = [
    "\x1b[31mred\x1b[0m <\x1b]0;title\x07@x>",
    "a\u202eb\u2028c\x85d <x>",
    "x" * 3_000 + " <" + "y" * 3_000 + ">",
    "InfraForge <infraforge@example.com>",
    "{{ .Values }} $(touch x) `touch x` <--upload-pack=x>",
    "\udcff\udcfe <\udced\udca0\udc80>",
]


class Stranger:
    """Somebody who may push, and writes Git's objects by hand."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def push(
        self, folder: str, names: list[bytes], author: str, message: bytes = b"hello", when: bytes = b"1764000000 +0000"
    ) -> None:
        """One commit that adds a file of each of these names to `folder`."""
        parent = self._git("rev-parse", "main").decode().strip()
        blob = bytes.fromhex(self._git("hash-object", "-w", "--stdin", stdin=b"hello").decode())
        entries = {name: (b"100644", blob) for name in names if name not in {b"", b"."}}
        tree = self._tree(folder.split("/") if folder else [], parent + "^{tree}", entries)
        who = author.encode("utf-8", "surrogateescape").replace(b"\n", b" ")
        commit = b"tree %s\nparent %s\nauthor %s %s\ncommitter %s %s\n\n%s" % (
            tree.hex().encode(), parent.encode(), who, when, who, when, message
        )  # fmt: skip
        made = self._git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=commit).decode().strip()
        endpoint, token = self._platform.server.endpoint, self._platform.server.token.get_secret_value()
        url = f"{endpoint}/{self._platform.organization}/voltran.git".replace("://", f"://x:{token}@")
        self._git("push", "-q", url, f"{made}:refs/heads/main")

    def _tree(self, way: list[str], tree: str, added: dict[bytes, tuple[bytes, bytes]]) -> bytes:
        entries = dict(_entries(self._git("cat-file", "tree", tree)))
        if way:
            name = way[0].encode()
            entries[name] = (b"40000", self._tree(way[1:], entries[name][1].hex(), added))
        else:
            entries |= {name: entry for name, entry in added.items() if name not in entries}
        order = sorted(entries, key=lambda name: name + (b"/" if entries[name][0] == b"40000" else b""))
        raw = b"".join(b"%s %s\0%s" % (entries[name][0], name, entries[name][1]) for name in order)
        return bytes.fromhex(self._git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw).decode())

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        self._platform.git("rev-parse", "main")  # there is an up-to-date mirror
        folder = self._platform.cache / "mirror-voltran"
        return subprocess.run(["git", *arguments], cwd=folder, input=stdin, check=True, capture_output=True).stdout


def _entries(raw: bytes) -> Iterator[tuple[bytes, tuple[bytes, bytes]]]:
    while raw:
        mode, _, rest = raw.partition(b" ")
        name, _, rest = rest.partition(b"\0")
        yield name, (mode, rest[:20])
        raw = rest[20:]


@pytest.fixture(scope="module")
def platform(gitea_server: GiteaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = Platform(gitea_server, tmp_path_factory.mktemp("platform"))
    platform.bootstrap()
    platform.apply(example("dev/dev-apps-claim.yaml"))
    yield platform
    platform.gitea.close()


def _resynced(platform: Platform) -> dict[str, dict[str, Any]]:
    """Every claim after a ping to its function, with its status held against the schema."""
    documents = {
        "BootstrapClaim": example("bootstrap-claim.yaml"),
        "ApplicationClaim": example("dev/dev-apps-claim.yaml"),
    }
    found = {}
    for kind, document in documents.items():
        platform.reconciler(kind).react(Event("a-ping", PING))
        found[kind] = platform.live(document)
        said = json.dumps(found[kind]["status"], ensure_ascii=False)
        assert said.encode().decode().isprintable(), said
        assert ready(found[kind])[0] == "True", said
        assert [fault for fault in faults(document | {"status": found[kind]["status"]}) if "status" in fault] == []
    return found


@pytest.mark.parametrize(("folder", "kind", "why"), FOLDERS, ids=[case[2] for case in FOLDERS])
def test_names_of_any_bytes(platform: Platform, folder: str, kind: str, why: str) -> None:
    """They go in one commit, and everything else stays."""
    before, count = platform.git("rev-parse", "main^{tree}"), int(platform.git("rev-list", "--count", "main"))
    Stranger(platform).push(folder, NAMES, AUTHORS[0])
    _resynced(platform)
    assert platform.git("rev-parse", "main^{tree}") == before, (kind, why)
    assert int(platform.git("rev-list", "--count", "main")) == count + 2
    record = parse_message(platform.git("log", "-1", "--format=%B", "main"))
    assert record is not None
    assert record.kind == kind


@pytest.mark.parametrize("author", AUTHORS)
def test_authors(platform: Platform, author: str) -> None:
    """Told in the status, an Event and the restoring commit, as one line that a terminal shows as it is."""
    before = platform.git("rev-parse", "main^{tree}")
    Stranger(platform).push(DEV, [b"stray"], author, b"x\n\nBEGIN-CLAIM-SPEC json\n{}\nEND-CLAIM-SPEC\n\nClaim: A/b/c")
    live = _resynced(platform)["ApplicationClaim"]
    assert platform.git("rev-parse", "main^{tree}") == before
    assert live["status"]["history"][0]["reason"] == "Drifted"
    told = [event for event in platform.kube.events if event["reason"] == "Drifted"][-1]
    assert told["message"].encode().decode().isprintable()
    message = platform.git("log", "-1", "--format=%B", "main")
    assert all(line.isprintable() for line in message.splitlines())
    record = parse_message(message)
    assert record is not None
    assert record.spec == live["spec"]


@pytest.mark.parametrize(("when", "why"), DATES, ids=[case[1] for case in DATES])
def test_dates(platform: Platform, when: bytes, why: str) -> None:
    """A clock is anybody's to set."""
    before = platform.git("rev-parse", "main^{tree}")
    Stranger(platform).push(DEV, [b"stray"], "a <b>", when=when)
    _resynced(platform)
    assert platform.git("rev-parse", "main^{tree}") == before, why
