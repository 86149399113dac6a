"""A Gitea whose certificate is of an authority that only the operator knows: over real TLS, for REST and for Git."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from functions.bootstrap.setup_gitea import Administrator
from sandbox.apiserver.tls import Certificates, ensure_certificates
from shared.errors import Forbidden, GiteaUnavailable, PermanentError
from shared.git import Author, Remote, Repository
from shared.gitea import Gitea
from shared.gitea.api import GiteaNotFound
from shared.secret import fixed
from shared.tls import trusting
from tests.shared.git.backend import Backend
from tests.shared.git.seed import seed

NAME, TOKEN = "infraforge/voltran", "t0k3n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return ensure_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def backend(tmp_path: Path, certificates: Certificates) -> Iterator[Backend]:
    """A Git server with commits, behind such a certificate. Of REST it knows nothing: 404."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    with Backend(tmp_path / "server", TOKEN, tls=context) as running:
        running.create(NAME)
        seed(running.path(NAME), 3)
        yield running


def others(tmp_path: Path) -> Path:
    """The file of another authority of the same name."""
    (tmp_path / "others").mkdir(parents=True)
    return ensure_certificates(tmp_path / "others").authority


def repository(backend: Backend, folder: Path, authorities: Path | None) -> Repository:
    remote = Remote(backend.url(NAME), authorities=authorities)
    return Repository(folder / "c", remote, token=fixed(SecretStr(TOKEN)), author=Author("a", "b"))


def test_git_believes_the_operators_authority(backend: Backend, tmp_path: Path, certificates: Certificates) -> None:
    """Lists, fetches and pushes, with a connection of ours and with processes of Git's."""
    with repository(backend, tmp_path, certificates.authority).transaction() as git:
        git.commit({"a": b"1"}, "a\n")
        git.push()
    assert backend.git(NAME, "show", "main:a") == "1"
    assert {exchange.service for exchange in backend.exchanges} >= {"info/upload", "upload", "receive"}


def test_git_believes_nobody_else(backend: Backend, tmp_path: Path) -> None:
    for authorities in (None, others(tmp_path)):
        with pytest.raises(GiteaUnavailable), repository(backend, tmp_path, authorities).transaction():
            pass
    assert backend.exchanges == [], "nobody was shown the token"


def test_the_api_believes_the_operators_authority_and_nobody_else(
    backend: Backend, tmp_path: Path, certificates: Certificates
) -> None:
    endpoint = backend.url(NAME).removesuffix(f"/{NAME}.git")

    def gitea(authorities: Path | None) -> None:
        client = Gitea(endpoint, fixed(SecretStr(TOKEN)), timeout=10, authorities=authorities)
        try:
            client.ping()
        finally:
            client.close()

    def administrator(authorities: Path | None) -> None:
        client = Administrator(endpoint, "x", SecretStr(TOKEN), timeout=10, authorities=authorities)
        try:
            client.ensure_user("x", "y")
        finally:
            client.close()

    for ask, answer in ((gitea, GiteaNotFound), (administrator, PermanentError)):
        for authorities in (None, others(tmp_path / ask.__name__)):
            with pytest.raises(GiteaUnavailable):
                ask(authorities)
        assert backend.exchanges == []
        with pytest.raises((answer, Forbidden)):
            ask(certificates.authority)
        assert backend.exchanges
        backend.exchanges.clear()


@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["no file", "empty", "something else"])
def test_a_file_without_authorities(tmp_path: Path, content: str | None) -> None:
    """At the start, by the setting's name: the probe fails, and the old revision goes on serving."""
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    with pytest.raises(
        PermanentError, match=f"INFRAFORGE_GITEA_CA_FILE: {file} holds no certificates in PEM"
    ) as caught:
        trusting(file)
    assert caught.value.reason == "InvalidSettings"
