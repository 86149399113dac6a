"""Credentials: which host each belongs to, and that none is shown."""

import base64
import json
import logging
import traceback
from pathlib import Path

import pytest

from shared.errors import RegistryUnavailable
from shared.oci import Authority, Credentials, CredentialsFile, InvalidCredentials

AUTH = base64.b64encode(b"bob:hunter2").decode()


@pytest.mark.parametrize(
    ("key", "host", "reason"),
    [
        ("ghcr.io", Authority("ghcr.io"), "a plain host"),
        ("https://ghcr.io", Authority("ghcr.io"), "as docker login writes it"),
        ("https://ghcr.io/v2/", Authority("ghcr.io"), "with the API's root"),
        ("GHCR.io:443", Authority("ghcr.io"), "another spelling"),
        ("127.0.0.1:5000", Authority("127.0.0.1", 5000), "a port is part of the host"),
        ("https://index.docker.io/v1/", Authority("registry-1.docker.io"), "Docker Hub as docker login writes it"),
        ("docker.io", Authority("registry-1.docker.io"), "Docker Hub as claims say it"),
    ],
)
def test_belongs_to_one_host(key: str, host: Authority, reason: str) -> None:
    login = Credentials.from_docker_config({"auths": {key: {"auth": AUTH}}}).login(host)
    assert login is not None, reason
    assert login.basic().get_secret_value() == f"Basic {AUTH}"


@pytest.mark.parametrize("other", [Authority("ghcr.io", 8443), Authority("ghcr.io."), Authority("a.ghcr.io")])
def test_is_not_found_under_another(other: Authority) -> None:
    assert Credentials.from_docker_config({"auths": {"ghcr.io": {"auth": AUTH}}}).login(other) is None


def test_takes_username_and_password() -> None:
    entry = {"username": "bob", "password": "a:b"}
    login = Credentials.from_docker_config({"auths": {"ghcr.io": entry}}).login(Authority("ghcr.io"))
    assert login is not None
    assert base64.b64decode(login.basic().get_secret_value().removeprefix("Basic ")) == b"bob:a:b"


@pytest.mark.parametrize(
    ("key", "entry", "reason"),
    [
        ("ghcr.io/acme", {"auth": AUTH}, "a path is narrower than a host"),
        ("*.example.com", {"auth": AUTH}, "a wildcard is wider than a host"),
        ("ghcr.io", {"identitytoken": "x"}, "a flow that is not built"),
        ("ghcr.io", {}, "empty"),
        ("ghcr.io", {"auth": base64.b64encode(b"bob").decode()}, "no password"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_logged(
    key: str, entry: dict[str, str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        credentials = Credentials.from_docker_config({"auths": {key: entry}})
    assert repr(credentials) == "Credentials()", reason
    assert [record.getMessage() for record in caplog.records] == [
        f"registry credentials for {key!r} are not used: not a plain host with a password"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hunter2", "registry credentials: {path} is not JSON"),
        ("[]", "registry credentials: {path} is not an object with auths"),
        ('{"auths": []}', "registry credentials: auths is not a map of hosts"),
        ('{"auths": {"ghcr.io": "hunter2"}}', "registry credentials: the entry of 'ghcr.io' is not a map"),
        (
            '{"auths": {"ghcr.io": {"auth": "hunter2"}}}',
            "registry credentials: auth of 'ghcr.io' is not base64 of user:password",
        ),
    ],
)
def test_a_broken_file_is_named_without_its_content(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / ".dockerconfigjson"
    with pytest.raises(InvalidCredentials) as refused:
        Credentials.from_text(text.encode(), path)
    assert str(refused.value) == message.format(path=path)
    assert refused.value.__cause__ is None


def test_nothing_shows_a_password(tmp_path: Path) -> None:
    path = tmp_path / ".dockerconfigjson"
    text = json.dumps({"auths": {"ghcr.io": {"auth": AUTH}}})
    credentials = Credentials.from_text(text.encode(), path)
    login = credentials.login(Authority("ghcr.io"))
    assert login is not None
    for shown in (repr(credentials), repr(login), str(login.basic())):
        assert "hunter2" not in shown
        assert AUTH not in shown


def test_a_file_counts_as_it_is_now(tmp_path: Path) -> None:
    """A Secret that is mounted changes while we run: the next login is of what is there, parsed once."""
    path, ghcr, docker = tmp_path / ".dockerconfigjson", Authority("ghcr.io"), Authority("registry-1.docker.io")
    path.write_text(json.dumps({"auths": {"ghcr.io": {"auth": AUTH}}}))
    credentials = CredentialsFile(path)
    first = credentials.login(ghcr)
    assert first is not None
    assert credentials.login(ghcr) is first
    assert credentials.login(docker) is None
    path.write_text(json.dumps({"auths": {"docker.io": {"username": "u", "password": "renewed"}}}))
    assert credentials.login(ghcr) is None
    renewed = credentials.login(docker)
    assert renewed is not None
    assert renewed.password.get_secret_value() == "renewed"
    assert repr(credentials) == f"CredentialsFile({str(path)!r})"


MEND = "mend the file that INFRAFORGE_REGISTRY_CREDENTIALS_FILE names"


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (None, "{path} cannot be read (No such file or directory)"),
        ("", "{path} is not JSON"),
        ('{"auths": {"ghcr.io": "hunter2"}}', "the entry of 'ghcr.io' is not a map"),
    ],
)
def test_a_file_that_is_none_keeps_images_waiting(tmp_path: Path, text: str | None, how: str) -> None:
    """Nothing was learned about an image: another try may find the file mended, and nothing is held back for it."""
    path = tmp_path / ".dockerconfigjson"
    credentials = CredentialsFile(path)
    if text is not None:
        path.write_text(text)
    with pytest.raises(RegistryUnavailable) as caught:
        credentials.login(Authority("ghcr.io"))
    assert str(caught.value) == f"registry credentials: {how.format(path=path)}: {MEND}"
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    path.write_text(json.dumps({"auths": {"ghcr.io": {"auth": AUTH}}}))
    assert credentials.login(Authority("ghcr.io")) is not None
