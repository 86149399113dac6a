"""The token is where Git needs it and nowhere else."""

import base64
import os
import stat
from pathlib import Path

import pytest

from shared.errors import InfraForgeError
from shared.git import Remote

from .backend import Backend
from .conftest import NAME, TOKEN, Opener
from .seed import seed

FORMS = [
    TOKEN,
    base64.b64encode(f"infraforge:{TOKEN}".encode()).decode(),
    base64.b64encode(TOKEN.encode()).decode()[:-3],
]


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the arguments of every Git process: the first `git` on the path notes them."""
    real = next(path for folder in os.environ["PATH"].split(":") if (path := Path(folder) / "git").exists())
    notes = tmp_path / "arguments"
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$0 $*" >> {notes}\nexec {real} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return notes


def test_the_token_is_in_no_argument_and_on_no_disk(
    backend: Backend, opened: Opener, arguments: Path, tmp_path: Path
) -> None:
    seed(backend.path(NAME), 3)
    for cache in ("a", "b", "a"):
        with opened(cache).transaction() as transaction:
            transaction.read("environments/nonprod/env000/platform/postgres/values.yaml")
            transaction.commit({"a": cache.encode()}, "a\n")
            transaction.push()
    noted = arguments.read_text()
    assert all(command in noted for command in ("fetch", "init", "cat-file"))
    for form in FORMS:
        assert form not in noted
        for path in (tmp_path / "caches").rglob("*"):
            assert not path.is_file() or form.encode() not in path.read_bytes()
    assert all(form not in exchange.target for form in FORMS for exchange in backend.exchanges)


def test_the_token_is_in_no_message(backend: Backend, opened: Opener) -> None:
    """Even when a server sends it back."""
    backend.fault = lambda *_: (403, f"no entry for {TOKEN}\n")
    with pytest.raises(InfraForgeError) as caught, opened().transaction():
        pass
    assert all(form not in str(caught.value) for form in FORMS)


def test_the_machine_has_no_say(
    backend: Backend, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a user's Git configuration, nor a .netrc, nor variables that Git sets for hooks, nor an askpass."""
    asked = tmp_path / "asked"
    askpass = tmp_path / "askpass"
    askpass.write_text(f"#!/bin/sh\ntouch {asked}\necho secret\n")
    askpass.chmod(0o755)
    (tmp_path / ".gitconfig").write_text('[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://127.0.0.1\n')
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login x password {TOKEN}\n")
    for name, value in {
        "HOME": str(tmp_path),
        "GIT_DIR": str(tmp_path),
        "GIT_OBJECT_DIRECTORY": str(tmp_path),
        "GIT_ASKPASS": str(askpass),
        "SSH_ASKPASS": str(askpass),
        "GIT_CONFIG_PARAMETERS": "'http.followRedirects'='true'",
        "LC_ALL": "de_DE.UTF-8",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InfraForgeError, match="does not accept the token"), opened(token="wrong").transaction():
        pass
    assert not asked.exists()
    monkeypatch.setattr(backend, "exchanges", [])
    with opened().transaction() as transaction:
        transaction.commit({"a": b"1"}, "a\n")
        transaction.push()


def test_a_redirect_is_not_followed(backend: Backend, opened: Opener) -> None:
    """The token is for the address that the settings name, and for no other."""
    backend.fault = lambda _, path: (301, "") if "/moved" in path else None
    with pytest.raises(InfraForgeError), opened(name="infraforge/moved").transaction():
        pass
    assert len(backend.exchanges) == 1


@pytest.mark.parametrize("url", ["http://user:secret@gitea/a/b.git", "http://secret@gitea/a/b.git"])
def test_an_address_with_credentials_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no credentials") as caught:
        Remote(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["ext::sh -c touch% x", "file:///etc", "git@gitea:a/b.git", "/srv/a.git", "-x", ""])
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(ValueError, match="begins with http"):
        Remote(url)
