"""What the images hold is enough: each function runs with it, from a folder that has only its image's code."""

import ast
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.packaging import production
from tests.packaging.dockerfile import IMAGES, ROOT, entry_point, lineage, read

_STAGES = read((ROOT / "Dockerfile").read_text())[1]
_SECONDS = 30
_FOREIGN = ("cli", "sandbox", "tests", "pytest", "rich", "typer")
_IMPORT = "import importlib, json, sys; importlib.import_module(sys.argv[1]); print(json.dumps(sorted(sys.modules)))"
_MISSING = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(f"{name}: {error}")
"""
_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
users: [{name: none, user: {}}]
current-context: none
"""
_EACH = [(target, function) for target, functions in IMAGES.items() for function in functions]


@pytest.mark.parametrize(("target", "function"), _EACH)
def test_function_imports_without_the_sandbox(target: str, function: str, production_bin: Path, tmp_path: Path) -> None:
    app = production.tree(tmp_path, target)

    run = subprocess.run(
        [production_bin / "python", "-W", "error", "-c", _IMPORT, f"functions.{function}.main"],
        env=_environment(production_bin, app),
        cwd=app,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    modules = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert "functions_framework" in modules
    assert modules & set(_FOREIGN) == set()


@pytest.mark.parametrize(("target", "function"), _EACH)
def test_function_answers_its_probe(target: str, function: str, production_bin: Path, tmp_path: Path) -> None:
    """By the image's entry point; the dead-letter consumer by the command that the chart gives it."""
    app = production.tree(tmp_path, target)
    command = entry_point(_STAGES, target)
    if function != target:
        command = [*("python", "-m", "functions_framework"), *(one.replace(target, function) for one in command[1:])]
    port = _free_port()
    (tmp_path / "kubeconfig").write_text(_KUBECONFIG)
    settings = {
        "PORT": str(port),
        "THREADS": "4",
        "INFRAFORGE_GITEA_TOKEN": "not-a-token",
        "INFRAFORGE_KUBECONFIG": str(tmp_path / "kubeconfig"),
        "INFRAFORGE_CACHE_DIR": str(tmp_path / "cache"),
    }

    with _running(command, _environment(production_bin, app) | settings, app, tmp_path / "log"):
        assert _healthz(port, tmp_path / "log") == (200, "ok\n")


def test_what_is_imported_late_is_there(production_bin: Path) -> None:
    """Every module that production code names anywhere, in a function's body as well, but for checking types only."""
    wanted = {
        name
        for folder in ("functions", "shared")
        for path in (ROOT / folder).rglob("*.py")
        for name in _imports(ast.parse(path.read_text()))
    }
    assert {"helm_python", "opentelemetry.sdk.trace", "shared.helm"} <= wanted

    run = subprocess.run(
        [production_bin / "python", "-c", _MISSING, *sorted(wanted)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.stdout, run.stderr) == ("", "")


def _imports(node: ast.AST) -> Iterator[str]:
    """The modules that are imported at or below `node`."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        yield node.module or ""
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def test_git_is_not_asked_for_the_users_configuration() -> None:
    """The same in every image: a home that a read-only root has, and no configuration but our own."""
    for target in IMAGES:
        found = _variables(target)
        assert found["HOME"] == "/tmp"
        assert (found["GIT_CONFIG_NOSYSTEM"], found["GIT_CONFIG_GLOBAL"]) == ("1", "/dev/null")
        assert found["PYTHONDONTWRITEBYTECODE"] == "1"
        assert found["PYTHONPATH"] == "/app"


def _variables(target: str) -> dict[str, str]:
    text = " ".join(one for stage in lineage(_STAGES, target) for one in stage.all("ENV"))
    return dict(word.split("=", 1) for word in shlex.split(re.sub(r"\s+", " ", text)))


def _environment(binaries: Path, app: Path) -> dict[str, str]:
    image = _variables("bootstrap") | {"PYTHONPATH": str(app), "HOME": str(app.parent)}
    return image | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], folder: Path, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [Path(environment["PATH"].split(os.pathsep)[0]) / command[0], *command[1:]],
            env=dict(environment),
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(_SECONDS)


def _healthz(port: int, log: Path) -> tuple[int, str]:
    """The answer, once there is one."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode() + log.read_text()
        except OSError:  # it does not listen yet
            time.sleep(0.05)  # nothing tells when it does
    raise AssertionError(f"no answer in {_SECONDS} s: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
