"""The data directory is private, and never somebody else's."""

import stat
import threading
from pathlib import Path

import pytest

from sandbox.supervisor.directory import DataDirectory, default_root, write_private
from sandbox.supervisor.errors import DirectoryRefused
from sandbox.supervisor.options import Options, Record


def test_everything_in_it_is_private(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "new" / "sandbox")
    directory.create()
    assert stat.S_IMODE(directory.root.stat().st_mode) == 0o700
    assert directory.exists
    directory.create()  # again is no error


def test_an_empty_directory_is_adopted(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    DataDirectory(tmp_path).create()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_directory_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    """`--data-dir ~` must neither change a home directory nor, with `--purge`, delete it."""
    (tmp_path / "letter").write_text("dear")
    tmp_path.chmod(0o755)
    with pytest.raises(DirectoryRefused, match="is not empty and holds no sandbox: name another --data-dir"):
        DataDirectory(tmp_path).create()
    DataDirectory(tmp_path).delete()
    assert (tmp_path / "letter").read_text() == "dear"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DirectoryRefused, match="cannot be used"):
        DataDirectory(tmp_path / "file").create()


def test_deleting_takes_all_of_it(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "sandbox")
    directory.create()
    write_private(directory.credentials / "token", "t")
    directory.delete()
    assert not directory.root.exists()


def test_the_lock_keeps_others_out(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    directory.create()
    order: list[str] = []
    entered, asked = threading.Event(), threading.Event()

    def second() -> None:
        asked.set()
        with directory.locked():
            order.append("second")
        entered.set()

    with directory.locked():
        thread = threading.Thread(target=second)
        thread.start()
        asked.wait(5)
        order.append("first")
    assert entered.wait(5)
    thread.join()
    assert order == ["first", "second"]


def test_a_private_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    write_private(tmp_path / "token", "one")
    write_private(tmp_path / "token", "two")
    assert (tmp_path / "token").read_text() == "two"
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["token"]


def test_the_default_is_in_the_users_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_root() == tmp_path / "infraforge"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_root() == tmp_path / ".local" / "state" / "infraforge"


def test_the_record_comes_back_as_it_was(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    directory.create()
    assert Record.load(directory) == Record()
    record = Record(Options(registry="http://registry.example:5000", resync_interval=5), {"gitea": 20001})
    record.save(directory)
    assert Record.load(directory) == record


def test_the_options_can_be_asked_for_again() -> None:
    assert Options().arguments() == []
    options = Options(gitea_url="https://gitea.example.com", event_source="external", resync_interval=5)
    words = ["--gitea-url", "https://gitea.example.com", "--event-source", "external", "--resync-interval", "5"]
    assert options.arguments() == words


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"options": {"unknown": 1}, "ports": {}}'])
def test_a_record_that_cannot_be_read_is_a_fresh_one(tmp_path: Path, content: str) -> None:
    """A sandbox of another version opens, with other ports, rather than failing for ever."""
    directory = DataDirectory(tmp_path)
    directory.create()
    directory.record.write_text(content)
    assert Record.load(directory) == Record()
