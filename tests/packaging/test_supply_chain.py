"""`make sbom` and `make audit`: what is listed, and that an audit which learnt nothing is no success."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.packaging import production
from tests.packaging.dockerfile import ROOT

_UV = """\
#!/bin/sh
echo "$@" >>"$RECORD"
case $1 in
  export) [ "$EXPORT" = 0 ] || exit "$EXPORT"
          while [ "$1" != --output-file ]; do shift; done
          echo 'flask==3.1.3 --hash=sha256:00' >"$2" ;;
  tool) exit "$AUDIT" ;;
esac
"""


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("sbom") / "sbom.json"
    subprocess.run([ROOT / ".ci" / "sbom", file], check=True, env=_with_uv(Path(production.uv()).parent))
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_bill_is_cyclonedx(bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert bill["metadata"]["component"]["name"] == "infraforge"


def test_bill_lists_what_the_images_install(bill: dict[str, Any]) -> None:
    """Every one with the lock's version, by the name under which vulnerabilities are looked up."""
    listed = {one["name"]: one["version"] for one in bill["components"]}
    assert listed == production.versions()
    assert sorted(one["purl"].partition("?")[0] for one in bill["components"]) == sorted(
        f"pkg:pypi/{name}@{version}" for name, version in listed.items()
    )


def test_bill_lists_no_tool_of_ours(bill: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {_name(one) for one in project["project"]["dependencies"]}
    tools = {_name(one) for one in project["dependency-groups"]["dev"]}
    listed = {one["name"] for one in bill["components"]}

    assert {name.lower() for name in wanted} <= listed
    assert tools & listed == set()


@pytest.mark.parametrize(
    ("export", "audit", "code", "reason"),
    [
        (0, 0, 0, "PyPI answered for every dependency, and knows of nothing"),
        (0, 1, 1, "a vulnerability, or a dependency of which nothing was learnt"),
        (0, 2, 2, "pip-audit itself could not be had"),
        (3, 0, 3, "the lock cannot be read: there is nothing to audit"),
    ],
)
def test_audit_ends_as_its_steps_do(export: int, audit: int, code: int, reason: str, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "uv"
    fake.parent.mkdir()
    fake.write_text(_UV)
    fake.chmod(0o755)
    told = {"RECORD": str(tmp_path / "record"), "EXPORT": str(export), "AUDIT": str(audit)}

    run = subprocess.run(
        [ROOT / ".ci" / "audit"], capture_output=True, text=True, check=False, env=_with_uv(fake.parent) | told
    )

    assert run.returncode == code, reason
    assert ("not told of every dependency" in run.stderr) is (audit != 0)
    asked = (tmp_path / "record").read_text().splitlines()
    assert "--frozen --no-dev --extra render --extra traces" in asked[0]
    if export == 0:
        assert "--strict" in asked[1], "else pip-audit passes over what PyPI does not answer for"
        assert "--require-hashes" in asked[1]


def _with_uv(folder: Path) -> dict[str, str]:
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=~!; ]", requirement, maxsplit=1)[0]
