"""What components inherit from the user's shell."""

import os

import pytest

from sandbox.supervisor.environment import base


def test_settings_and_gits_variables_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who works on a real installation, or inside a Git hook, gets the same sandbox."""
    monkeypatch.setenv("INFRAFORGE_GITEA_TOKEN", "of-a-real-installation")
    monkeypatch.setenv("GIT_DIR", "/somewhere/.git")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    environment = base()
    assert "INFRAFORGE_GITEA_TOKEN" not in environment
    assert "GIT_DIR" not in environment
    assert environment["GIT_CONFIG_GLOBAL"] == os.devnull
    assert environment["LANG"] == "de_DE.UTF-8"


@pytest.mark.parametrize(
    "name", ["WORKERS", "THREADS", "PORT", "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", "FUNCTION_TARGET"]
)
def test_how_a_function_is_served_stays_outside(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A shell that has WORKERS=3 for something else would start three of each function, on one cache."""
    monkeypatch.setenv(name, "3")
    assert name not in base()


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "127.0.0.1,localhost"), ({"no_proxy": "example.com"}, "example.com,127.0.0.1,localhost")],
)
def test_a_proxy_is_not_asked_for_the_loopback_interface(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    environment = base()
    assert environment["no_proxy"] == environment["NO_PROXY"] == expected
