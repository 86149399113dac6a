"""A credential's file: what is in it now is what counts, and nothing of it is ever told."""

import os
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.errors import TransientError
from shared.secret import MAX_SIZE, Secret, fixed

CANARY = "canary"


def mounted(folder: Path, token: str) -> Path:
    """The file `token` of a Secret as a kubelet mounts it: behind a link that it turns, `..data`, and one to that."""
    version = folder / "..1"
    version.mkdir(parents=True)
    (version / "token").write_text(token)
    (folder / "..data").symlink_to("..1")
    (folder / "token").symlink_to("..data/token")
    return folder / "token"


def change(folder: Path, token: str) -> None:
    """What a kubelet does when the Secret changed: a new folder, the link turned in one step, the old folder gone."""
    old = folder / (folder / "..data").readlink()
    new = folder / f"..{int(old.name[2:]) + 1}"
    new.mkdir()
    (new / "token").write_text(token)
    (folder / "..data_tmp").symlink_to(new.name)
    (folder / "..data_tmp").rename(folder / "..data")
    (old / "token").unlink()
    old.rmdir()


def secret(file: Path, *, is_token: bool = True) -> Secret:
    return Secret("INFRAFORGE_GITEA_TOKEN", file=file, is_token=is_token)


def test_a_value_is_itself() -> None:
    value = SecretStr("t0k3n")
    assert Secret("X", value)() == value == fixed(value)()


def test_a_file_counts_as_it_is_now(tmp_path: Path) -> None:
    """Also when the new content has the same length and time as the old one."""
    asked = secret(mounted(tmp_path, "first\n"))
    assert asked().get_secret_value() == "first"
    change(tmp_path, "other\n")
    assert asked().get_secret_value() == "other"
    plain = tmp_path / "plain"
    plain.write_text("one")
    when = plain.stat()
    assert secret(plain)().get_secret_value() == "one"
    plain.write_text("two")
    os.utime(plain, ns=(when.st_atime_ns, when.st_mtime_ns))
    assert secret(plain)().get_secret_value() == "two"


def test_a_change_is_never_seen_half_done(tmp_path: Path) -> None:
    """Readers meet the one or the other, while the link is turned and the old folder goes."""
    tokens = [f"token-{number}-" + "x" * 5_000 for number in range(200)]
    asked = secret(mounted(tmp_path, tokens[0]))
    over = threading.Event()
    seen: list[set[str]] = []

    def read() -> None:
        found = set()
        while not over.is_set():
            found.add(asked().get_secret_value())
        seen.append(found)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for token in tokens[1:]:
        change(tmp_path, token)
    over.set()
    for reader in readers:
        reader.join(30)
    assert len(seen) == len(readers), "none of them met a file that was missing"
    assert set.union(*seen) <= set(tokens)


MEND = (
    "put the credential into it (in a cluster: into the Secret that is mounted there), or name another file in "
    "INFRAFORGE_GITEA_TOKEN_FILE"
)
BAD: list[tuple[Callable[[Path], object], str, str]] = [
    (lambda _: None, "cannot be read (No such file or directory)", "an optional Secret that is not there yet"),
    (lambda file: file.mkdir(), "cannot be read (Is a directory)", "a mount without subPath"),
    (lambda file: file.write_text(""), "is empty", "a file that is just being written"),
    (lambda file: file.write_text(" \n"), "is empty", "a Secret made from an empty answer"),
    (lambda file: file.write_text(f"{CANARY} {CANARY}"), "holds no token: printable ASCII without blanks", "two words"),
    (lambda file: file.write_text(f"{CANARY}\n{CANARY}"), "holds no token: printable ASCII without blanks", "lines"),
    (lambda file: file.write_text(f"{CANARY}é"), "holds no token: printable ASCII without blanks", "no header has it"),
    (lambda file: file.write_bytes(CANARY.encode() + b"\xff"), "is no text in UTF-8", "something binary"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "how", "why"), BAD, ids=[case[2] for case in BAD])
def test_a_file_without_a_token(tmp_path: Path, make: Callable[[Path], object], how: str, why: str) -> None:
    """Another try may find it mended: the message names the file and the mend, and nothing shows the content."""
    file = tmp_path / "token"
    make(file)
    with pytest.raises(TransientError) as caught:
        secret(file)()
    assert str(caught.value) == f"{file} {how}: {MEND}", why
    assert caught.value.reason == "CredentialUnreadable"
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    if file.is_dir():
        file.rmdir()
    file.write_text("mended")
    assert secret(file)().get_secret_value() == "mended"


def test_what_is_no_token_may_have_blanks(tmp_path: Path) -> None:
    """A webhook's secret is what somebody thought of."""
    (tmp_path / "secret").write_text("a secret é\n")
    assert secret(tmp_path / "secret", is_token=False)().get_secret_value() == "a secret é"


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x" * (2 * MAX_SIZE))
    assert len(secret(tmp_path / "token")().get_secret_value()) == MAX_SIZE


def test_a_secret_shows_nothing(tmp_path: Path) -> None:
    assert CANARY not in repr(Secret("X", SecretStr(CANARY)))
    (tmp_path / "token").write_text(CANARY)
    asked = secret(tmp_path / "token")
    assert CANARY not in f"{asked()!r} {asked!r}"


def test_neither_value_nor_file_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="X: neither a value nor a file"):
        Secret("X")()
