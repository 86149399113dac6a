"""The developer's cluster: pinned versions, and scripts that can be run again and say what they lack.

No cluster is made here: the tools are stand-ins that write down how they were called.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.packaging.dockerfile import ROOT

FOLDER = ROOT / "infrastructure" / "kind"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
RUN = [path for path in SCRIPTS if os.access(path, os.X_OK)]
VERSIONS = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "versions.env").read_text(), re.MULTILINE))
TOOLS = ("docker", "kind", "kubectl", "helm")
STAND_IN = """\
#!/bin/sh
echo "${0##*/} $*" >>"$RECORD"
case "${0##*/} $*" in
  "docker inspect --format {{.State.Running}}"*) [ -e "$RECORD.registry" ] && echo true ;;
  "docker inspect --format {{json"*) echo null ;;
  "docker run"*) : >"$RECORD.registry" ;;
  "kind get clusters") cat "$RECORD.cluster" 2>/dev/null ;;
  "kind create cluster"*) echo infraforge >"$RECORD.cluster" ;;
  "kind get nodes"*) echo infraforge-control-plane ;;
  *"get secret"*"jsonpath"*) echo '{"password":"cA==","username":"dQ=="}' ;;
  *"get secret"*) [ -e "$RECORD.secret" ] ;;
  *"create secret"*) : >"$RECORD.secret" ;;
  *"create namespace"*) echo "kind: Namespace" ;;
  *"apply"*"--filename -"*) cat >>"$RECORD.applied" ;;
esac
"""


def test_there_are_scripts_to_run() -> None:
    assert [path.name for path in RUN] == ["down.sh", "platform.sh", "up.sh"]


@pytest.mark.parametrize("script", RUN, ids=lambda path: path.name)
def test_script_ends_at_the_first_failure(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines


@pytest.mark.parametrize("script", [*RUN, ROOT / ".ci" / "sbom", ROOT / ".ci" / "audit"], ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    if not shellcheck.exists():
        pytest.skip("shellcheck is not installed")
    run = subprocess.run([shellcheck, "-x", "-a", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (run.returncode, run.stdout) == (0, "")


@pytest.mark.parametrize(
    ("variable", "pattern"),
    [
        ("KIND_NODE_IMAGE", r"\S+:v\d+\.\d+\.\d+@sha256:[0-9a-f]{64}"),
        ("REGISTRY_IMAGE", r"\S+:\d+\.\d+\.\d+"),
        ("KNATIVE_SERVING_VERSION", r"\d+\.\d+\.\d+"),
        ("KNATIVE_KOURIER_VERSION", r"\d+\.\d+\.\d+"),
        ("KNATIVE_EVENTING_VERSION", r"\d+\.\d+\.\d+"),
        ("GITEA_CHART_VERSION", r"\d+\.\d+\.\d+"),
        ("ARGOCD_CHART_VERSION", r"\d+\.\d+\.\d+"),
    ],
)
def test_version_is_pinned(variable: str, pattern: str) -> None:
    assert re.fullmatch(pattern, VERSIONS[variable])


def test_every_version_is_used_and_none_is_said_twice() -> None:
    text = "".join(path.read_text() for path in SCRIPTS)
    assert [name for name in VERSIONS if f"${name}" not in text] == []
    assert re.findall(r"(?<![\d.])\d+\.\d+\.\d+(?![\d.])", text.replace("127.0.0.1", "")) == []


@pytest.mark.parametrize("missing", TOOLS)
def test_missing_tool_is_named_with_where_to_get_it(missing: str, tmp_path: Path) -> None:
    run = _run(FOLDER / "up.sh", _tools(tmp_path, without=missing), tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith(f"error: {missing} is not on the PATH: https://")
    assert not (tmp_path / "record").exists()


def test_second_run_makes_nothing_anew(tmp_path: Path) -> None:
    tools = _tools(tmp_path)

    first, second = _calls(FOLDER / "up.sh", tools, tmp_path), _calls(FOLDER / "up.sh", tools, tmp_path)

    once = ("docker run", "kind create cluster", "kubectl --context kind-infraforge create secret")
    for call in once:
        assert sum(one.startswith(call) for one in first) == 1
        assert sum(one.startswith(call) for one in second) == 0
    assert [one for one in first if "apply" in one] == [one for one in second if "apply" in one]
    assert not [one for one in second if re.search(r"\b(delete|replace)\b", one)]


def test_installs_the_pinned_versions(tmp_path: Path) -> None:
    calls = "\n".join(_calls(FOLDER / "up.sh", _tools(tmp_path), tmp_path))

    assert f"kind create cluster --name infraforge --image {VERSIONS['KIND_NODE_IMAGE']}" in calls
    assert f"serving/releases/download/knative-v{VERSIONS['KNATIVE_SERVING_VERSION']}/serving-core.yaml" in calls
    assert f"net-kourier/releases/download/knative-v{VERSIONS['KNATIVE_KOURIER_VERSION']}/kourier.yaml" in calls
    for part in ("eventing-crds", "eventing-core", "in-memory-channel", "mt-channel-broker"):
        assert f"eventing/releases/download/knative-v{VERSIONS['KNATIVE_EVENTING_VERSION']}/{part}.yaml" in calls
    gitea = f"helm upgrade --install gitea {VERSIONS['GITEA_CHART']} --version {VERSIONS['GITEA_CHART_VERSION']}"
    assert gitea in calls
    assert f"--version {VERSIONS['ARGOCD_CHART_VERSION']}" in calls
    assert "label --overwrite namespace platform-system pod-security.kubernetes.io/enforce=restricted" in calls


def test_no_password_is_an_argument(tmp_path: Path) -> None:
    """Arguments are for everybody on the machine to see."""
    calls = _calls(FOLDER / "platform.sh", _tools(tmp_path), tmp_path)
    (create,) = [one for one in calls if "create secret" in one]
    assert re.search(r"--from-file=password=/(dev|proc)/", create)
    assert "--from-literal=password" not in create


def test_setup_job_finds_giteas_administrator(tmp_path: Path) -> None:
    """The chart's setup Job reads the Secret that Gitea's chart was given, in the release's namespace."""
    _calls(FOLDER / "platform.sh", _tools(tmp_path), tmp_path)
    applied = (tmp_path / "record.applied").read_text()
    secret = yaml.safe_load(next(line for line in applied.splitlines() if '"Secret"' in line))
    values = yaml.safe_load((ROOT / "knative" / "values.yaml").read_text())
    gitea = yaml.safe_load((FOLDER / "gitea-values.yaml").read_text())["gitea"]

    assert secret["metadata"]["name"] == values["setup"]["adminSecret"] == gitea["admin"]["existingSecret"]
    assert set(secret["data"]) == {"username", "password"}
    assert gitea["config"]["server"]["ROOT_URL"].rstrip("/") == values["settings"]["giteaUrl"]
    assert gitea["config"]["security"]["ALLOWED_HOST_LIST"] == "private"


@pytest.mark.parametrize(
    ("arguments", "absent", "reason"),
    [
        (("--skip", "gitea"), "helm upgrade --install gitea", "a Gitea of the operator's own"),
        (("--skip", "argocd"), "helm upgrade --install argocd", "an ArgoCD that is there already"),
        (("--skip", "knative"), "serving-core.yaml", "a managed Knative"),
    ],
)
def test_part_can_be_left_out(arguments: tuple[str, ...], absent: str, reason: str, tmp_path: Path) -> None:
    calls = "\n".join(_calls(FOLDER / "platform.sh", _tools(tmp_path), tmp_path, *arguments))
    assert absent not in calls, reason
    assert "platform-system" in calls


@pytest.mark.parametrize("arguments", [("--skip", "everything"), ("--skip",), ("--help",), ("--context",)])
def test_wrong_arguments_change_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    run = _run(FOLDER / "platform.sh", _tools(tmp_path), tmp_path, *arguments)
    assert run.returncode == 1
    assert "usage: " in run.stderr
    assert not (tmp_path / "record").exists()


def test_terraform_takes_the_charts_from_the_same_places() -> None:
    """That the versions are the same ones, tests/infrastructure holds; Knative's three parts are released together."""
    assert (
        len({VERSIONS[f"KNATIVE_{part}_VERSION"].rpartition(".")[0] for part in ("SERVING", "KOURIER", "EVENTING")})
        == 1
    )
    text = "".join(path.read_text() for path in (ROOT / "infrastructure" / "aws" / "cluster").glob("*.tf"))
    for place in (VERSIONS["GITEA_CHART"].rpartition("/")[0], VERSIONS["ARGOCD_CHART_REPOSITORY"]):
        assert f'= "{place}"' in text


def _tools(folder: Path, *, without: str = "") -> Path:
    """A folder with a stand-in for every tool, and with the real ones that any system has."""
    binaries = folder / "bin"
    binaries.mkdir()
    for name in TOOLS:
        if name != without:
            (binaries / name).write_text(STAND_IN)
            (binaries / name).chmod(0o755)
    for name in ("bash", "sh", "dirname", "grep", "cat", "head", "base64", "tr", "env"):
        (binaries / name).symlink_to(_which(name))
    return binaries


def _which(name: str) -> Path:
    return next(path for path in (Path("/usr/bin", name), Path("/bin", name)) if path.exists())


def _run(script: Path, tools: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(tools), "RECORD": str(folder / "record")}
    return subprocess.run(
        [script, *arguments], capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL
    )


def _calls(script: Path, tools: Path, folder: Path, *arguments: str) -> list[str]:
    """How the tools were called in this run."""
    record = folder / "record"
    record.unlink(missing_ok=True)
    run = _run(script, tools, folder, *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    return record.read_text().splitlines()
