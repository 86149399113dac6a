"""How a function finds its API server, and what it says when it cannot."""

import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.errors import PermanentError
from shared.kube import connect
from shared.kube.token_file import REREAD
from tests.shared.kube.server import TOKEN, Answers, kubeconfig, serving

SERVER = "http://127.0.0.1:9"
MEND = "run in a cluster or set INFRAFORGE_KUBECONFIG"


def changed(**fields: Any) -> str:
    """A good kubeconfig's text but for some fields."""
    user = {"name": "test", "user": {"token": TOKEN}}
    cluster = {"name": "test", "cluster": {"server": SERVER}}
    context = {"name": "test", "context": {"cluster": "test", "user": "test"}}
    whole = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "test"}
    return str(yaml.safe_dump(whole | fields))


UNREADABLE = "cannot be read as a kubeconfig ({}): mend the file or INFRAFORGE_KUBECONFIG"
NO_WAY = "no way to reach the Kubernetes API: {}; " + MEND
BAD_CA = [{"name": "test", "cluster": {"server": "https://127.0.0.1:9", "certificate-authority-data": f"!{TOKEN}"}}]
BROKEN = [
    (None, NO_WAY.format("Invalid kube-config file. No configuration found."), "no such file"),
    (changed(**{"current-context": "other"}), "Expected object with name other in", "a context that is not there"),
    (changed(clusters=[]), "Expected object with name test in", "a cluster that is not there"),
    (f"- {TOKEN}\n", UNREADABLE.format("TypeError"), "a list"),
    (TOKEN, UNREADABLE.format("TypeError"), "a bare token"),
    (f"users: [{TOKEN}\n  x: : y", UNREADABLE.format("ParserError"), "no YAML: the parser quotes what it read"),
    ("[" * 10_000, UNREADABLE.format("RecursionError"), "deeper than any kubeconfig"),
    ("users: !!bool x", UNREADABLE.format("KeyError"), "a truth that is none"),
    (b"\xff\x00" + TOKEN.encode(), UNREADABLE.format("UnicodeDecodeError"), "no text"),
    (changed(clusters=BAD_CA), UNREADABLE.format("Error"), "a certificate that is no base64"),
]


@pytest.mark.parametrize(("text", "message", "why"), BROKEN, ids=[case[2] for case in BROKEN])
def test_a_kubeconfig_that_does_not_do(tmp_path: Path, text: str | bytes | None, message: str, why: str) -> None:
    """The setting is named, the file's content is not."""
    file = tmp_path / "kubeconfig"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PermanentError) as caught:
        connect(file)
    assert message in str(caught.value), why
    assert "INFRAFORGE_KUBECONFIG" in str(caught.value)
    assert caught.value.reason in {"KubeConfigMissing", "KubeConfigUnreadable"}
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="IsADirectoryError"):
        connect(tmp_path)


def test_outside_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a kubeconfig a function takes its pod's service account; here there is none."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(PermanentError) as caught:
        connect(None)
    assert str(caught.value) == NO_WAY.format("Service host/port is not set.")
    assert caught.value.reason == "KubeConfigMissing"


@pytest.mark.skipif(
    Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists(), reason="this machine is a pod in a cluster"
)
def test_in_a_cluster_without_a_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """`automountServiceAccountToken: false`: the environment is there, the token is not."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(PermanentError) as caught:
        connect(None)
    assert str(caught.value) == NO_WAY.format("Service token file does not exist.")


def test_connecting_asks_nobody(tmp_path: Path) -> None:
    """Nobody listens there, and a function starts all the same."""
    connect(kubeconfig(tmp_path, SERVER))


def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    """Within a minute, as its owner replaces it before it expires; one that is gone leaves the last one in use."""
    clock = [0.0]
    answers = Answers()
    token = tmp_path / "token"
    token.write_text("first\n")
    with serving(answers) as url:
        file = tmp_path / "kubeconfig"
        cluster = {"name": "test", "cluster": {"server": url}}
        file.write_text(changed(clusters=[cluster], users=[{"name": "test", "user": {"tokenFile": "token"}}]))
        kube = connect(file, now=lambda: clock[0])

        def shown() -> str:
            answers.give(200, {})
            kube.ping()
            return answers.asked[-1].headers["authorization"]

        assert shown() == "Bearer first"
        token.write_text("second")
        clock[0] += REREAD - 1
        assert shown() == "Bearer first"
        clock[0] += 1
        assert shown() == "Bearer second"
        token.unlink()
        clock[0] += REREAD
        assert shown() == "Bearer second"
