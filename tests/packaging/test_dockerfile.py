"""The Dockerfile: what it builds on, what it takes along, and what runs in the end."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.packaging.dockerfile import EVERYWHERE, IMAGES, ROOT, copied, entry_point, ignored, lineage, read
from tests.packaging.production import versions

ARGUMENTS, STAGES = read((ROOT / "Dockerfile").read_text())
PATTERNS = (ROOT / ".dockerignore").read_text()
TARGETS = pytest.mark.parametrize("target", IMAGES)


def test_base_is_pinned_by_version_and_digest() -> None:
    assert re.fullmatch(r"\S+:[a-z]*-?\d[\w.-]+@sha256:[0-9a-f]{64}", ARGUMENTS["BASE_IMAGE"])
    assert {stage.base for stage in STAGES.values()} - set(STAGES) == {"${BASE_IMAGE}"}


def test_there_is_a_target_for_each_image() -> None:
    runtime = [name for name, stage in STAGES.items() if stage.base == "runtime"]
    assert sorted(IMAGES) == sorted(runtime)


@TARGETS
def test_nobody_is_root(target: str) -> None:
    """A number, since the kubelet cannot tell of a name that it is not root's."""
    users = [user for stage in lineage(STAGES, target) for user in stage.all("USER")]
    assert users == ["65532:65532"]


def test_nothing_is_fetched_but_by_a_package_manager() -> None:
    for stage in STAGES.values():
        assert stage.all("ADD") == []
        assert [run for run in stage.all("RUN") if re.search(r"https?://|curl|wget", run)] == []


def test_no_secret_is_an_argument_or_a_variable() -> None:
    named = [name for stage in STAGES.values() for word in ("ARG", "ENV") for name in stage.all(word)]
    assert [name for name in named if re.search(r"token|password|secret|credential|key", name, re.IGNORECASE)] == []


@TARGETS
def test_an_image_has_these_packages_and_no_others(target: str) -> None:
    """No compiler, no pip, no uv: what a stage installs that is only copied from stays there."""
    installed = [
        name
        for stage in lineage(STAGES, target)
        for run in stage.all("RUN")
        for names in re.findall(r"apt-get install ((?:[\w.+-]+ ?)+)", run)
        for name in names.split()
        if not name.startswith("-")
    ]
    assert sorted(installed) == ["ca-certificates", "git", "python3"]
    assert {source for source, _, _ in copied(STAGES, target)} == {"dependencies", "code"}
    assert {str(path) for stage, path, _ in copied(STAGES, target) if stage == "dependencies"} == {"/opt/infraforge"}


def test_only_locked_production_dependencies_are_installed() -> None:
    """Every extra but the sandbox's: a setting of the chart needs it. The bill and the audit are of the same ones."""
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    (sync,) = [run for run in STAGES["dependencies"].all("RUN") if "uv sync" in run]
    for option in ("--frozen", "--no-dev", "--no-install-project", "--no-build"):
        assert option in sync
    for text in (sync, *((ROOT / ".ci" / name).read_text() for name in ("sbom", "audit"))):
        assert set(re.findall(r"--extra (\w+)", text)) == extras - {"sandbox"}
    assert "--require-hashes" in " ".join(STAGES["dependencies"].all("RUN"))


@TARGETS
def test_entry_point_serves_the_function_of_its_name(target: str) -> None:
    source = f"functions/{target}/main.py"
    expected = ["functions-framework", "--source", source, "--target", target, "--signature-type", "http"]
    assert expected == entry_point(STAGES, target)
    assert target in _functions(ROOT / source)


@TARGETS
def test_an_image_has_its_own_functions_only(target: str) -> None:
    found = {path.parts[3] for stage, path, _ in copied(STAGES, target) if path.parts[:3] == ("/", "app", "functions")}
    assert found == {"__init__.py", *IMAGES[target]}


@TARGETS
def test_what_is_copied_lands_where_the_chart_looks(target: str) -> None:
    workdirs = [one for stage in lineage(STAGES, target) for one in stage.all("WORKDIR")]
    assert workdirs[-1] == "/app"
    copies = list(copied(STAGES, target))
    assert {f"/app/{name}" for name in EVERYWHERE} <= {str(source) for _, source, _ in copies}
    for stage, source, destination in copies:
        assert not destination.is_absolute() or stage == "dependencies"
        if stage == "code":
            assert (ROOT / source.relative_to("/app")).exists()


def test_what_the_build_reads_exists_and_is_let_through() -> None:
    sources = [
        word
        for stage in STAGES.values()
        for copy in stage.all("COPY")
        if not copy.startswith("--from=")
        for word in copy.split()[:-1]
    ]
    assert {"uv.lock", "shared", "functions", "charts", "platform-charts"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert not ignored(PATTERNS, source)


@pytest.mark.parametrize(
    ("path", "out", "reason"),
    [
        (".git/config", True, "may hold a credential, and changes with each commit"),
        (".env", True, "a developer's secrets"),
        ("functions/bootstrap/.env.local", True, "a developer's secrets, beside the code"),
        (".venv/bin/python", True, "another machine's environment"),
        ("sandbox/broker/app.py", True, "is not for production"),
        ("tests/tools.py", True, "is not for production"),
        ("shared/__pycache__/helm.cpython-311.pyc", True, "another interpreter's"),
        ("functions/bootstrap/settings.pyc", True, "another interpreter's"),
        (".ci/uv.txt", False, "the build installs uv from it"),
        (".ci/run", True, "the build does not read it"),
        ("shared/helm.py", False, "our code"),
        ("charts/library/templates/_helpers.tpl", False, "published by bootstrap"),
        ("charts/web-service/.helmignore", False, "Helm reads it"),
    ],
)
def test_what_is_let_through(path: str, out: bool, reason: str) -> None:
    assert ignored(PATTERNS, path) is out, reason


def test_uv_is_the_one_that_the_lock_was_made_for() -> None:
    """An older uv may not read a newer lock; hashes of both architectures' wheels are there."""
    pinned = (ROOT / ".ci" / "uv.txt").read_text()
    assert re.match(r"uv==\d+\.\d+\.\d+ ", pinned)
    assert pinned.count("--hash=sha256:") >= 4


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_dependency_has_a_wheel(machine: str) -> None:
    """The build compiles nothing (--no-build), on either architecture, with the interpreter of the base image."""
    names = versions()
    wheels = {
        one["name"]: [Path(wheel["url"]).name for wheel in one.get("wheels", [])]
        for one in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
        if one["name"] in names
    }
    suits = re.compile(rf"-(?:py3|py2\.py3)-none-any\.whl$|-(?:cp313-cp313|\w+-abi3|py3-none)-\S*manylinux\S*{machine}")

    assert len(names) > 40
    assert [name for name, files in wheels.items() if not any(suits.search(file) for file in files)] == []


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists() and not (found := shutil.which("hadolint")):
        pytest.skip("hadolint is not installed")
    run = subprocess.run(
        [hadolint if hadolint.exists() else found, "--no-color", ROOT / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "")


def _functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
