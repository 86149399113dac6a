"""The Job that makes the credentials as the chart runs it: its process, against a real API server's."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.bootstrap.setup import login
from shared.errors import PermanentError
from tests.functions.gitea import ROOT, GiteaServer
from tests.functions.setup_job import NAMES
from tests.sandbox.apiserver.conftest import start


@pytest.mark.parametrize("missing", ["username", "password"])
def test_an_administrator_that_is_not_given(tmp_path: Path, missing: str) -> None:
    """The file, which is the key of the Secret."""
    for name in ("username", "password"):
        (tmp_path / name).write_text("" if name == missing else "x\n")
    with pytest.raises(PermanentError, match=f"{missing} holds nothing that can be read: .* needs the key {missing}"):
        login(tmp_path)
    (tmp_path / missing).write_text(" y \n")
    assert " y " in (login(tmp_path)[0], login(tmp_path)[1].get_secret_value()), "a blank may be part of a password"


@pytest.fixture
def admin(tmp_path: Path, gitea_server: GiteaServer) -> Path:
    """The administrator's Secret as it is mounted."""
    folder = tmp_path / "admin"
    folder.mkdir()
    for name, value in zip(("username", "password"), gitea_server.admin, strict=True):
        (folder / name).write_text(value)
    return folder


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of an API server's process, with the system namespace."""
    server = start(tmp_path / "api")
    with server.client() as client:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "platform-system"}}
        client.post("/api/v1/namespaces", json=namespace).raise_for_status()
    yield server.kubeconfig
    server.stop()


def as_a_job(**settings: object) -> "subprocess.CompletedProcess[str]":
    """`python -m functions.bootstrap.setup` with these settings and no others."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INFRAFORGE_")}
    ours = {f"INFRAFORGE_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "functions.bootstrap.setup"]
    return subprocess.run(command, cwd=ROOT, env=environment | ours, capture_output=True, text=True, check=False)


def test_as_the_chart_runs_it(gitea_server: GiteaServer, cluster: Path, admin: Path) -> None:
    """Twice, against real processes: 0 both times, and what the first one made is untouched by the second."""
    user = f"bot{uuid.uuid4().hex[:8]}"
    settings = NAMES | {
        "gitea_url": "http://gitea-http.gitea.svc:3000",
        "gitea_endpoint": gitea_server.endpoint,
        "gitea_user": user,
        "author_email": f"{user}@x.test",
        "kubeconfig": cluster,
        "admin_dir": admin,
        "token_generation": 1,
    }
    first, second = as_a_job(**settings), as_a_job(**settings)
    assert (first.returncode, first.stderr, second.returncode, second.stderr) == (0, "", 0, "")
    assert first.stdout.count("a new ") == 3
    assert second.stdout.count("the token works") == 2
    assert "a new " not in second.stdout
    raised = as_a_job(**(settings | {"token_generation": 2}))
    assert raised.stdout.count("generation 2 is wanted and it was of 1") == 3


FAILURES = [
    ({"admin_dir": "/nowhere"}, "needs the key username", "no Secret is mounted"),
    ({"token_generation": "two"}, "INFRAFORGE_TOKEN_GENERATION: Input should be a valid integer", "a wrong value"),
    ({"kubeconfig": "/nowhere"}, "set INFRAFORGE_KUBECONFIG", "no cluster"),
    ({"system_namespace": "elsewhere"}, "see INFRAFORGE_SYSTEM_NAMESPACE", "another namespace"),
]


@pytest.mark.parametrize(("settings", "message", "why"), FAILURES, ids=[case[2] for case in FAILURES])
def test_a_job_that_fails(
    gitea_server: GiteaServer, cluster: Path, admin: Path, settings: dict[str, str], message: str, why: str
) -> None:
    """1, and one line that says what to do."""
    basic = NAMES | {"gitea_endpoint": gitea_server.endpoint, "kubeconfig": cluster, "admin_dir": admin}
    user = f"bot{uuid.uuid4().hex[:8]}"
    failed = as_a_job(**(basic | {"gitea_user": user, "author_email": f"{user}@x.test"} | settings))
    assert failed.returncode == 1, why
    assert failed.stderr.startswith("setup failed (")
    assert failed.stderr.count("\n") == 1
    assert message in failed.stderr
    assert gitea_server.admin[1] not in failed.stdout + failed.stderr
