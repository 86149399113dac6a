"""Terraform's own checks of the two stacks: format, validity, `terraform test`, and that they would notice."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import tools
from tests.infrastructure import life as lives
from tests.infrastructure import terraform


@pytest.fixture(scope="module")
def here(
    terraform_command: Path, aws_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> lives.Installation:
    """A copy of both stacks, initialised without a state."""
    installation = lives.prepared(tmp_path_factory.mktemp("rules"), terraform_command, aws_environment)
    for stack in ("cloud", "cluster"):
        for settings in (installation.folder / stack).glob("*.auto.tfvars.json"):
            settings.unlink()
        locked = ["-lockfile=readonly"] if stack == "cloud" else []
        installation.stack(stack).succeed("init", "-backend=false", *locked)
    document = json.dumps({"username": "gitea-admin", "password": "of nobody"})
    installation.client("secretsmanager").create_secret(Name="terraform-test-gitea-admin", SecretString=document)
    return installation


def test_format(terraform_command: Path) -> None:
    """As `terraform fmt` writes it, the tests of the stacks as well."""
    assert terraform.Terraform(terraform_command, terraform.AWS).succeed("fmt", "-check", "-recursive") == ""


@pytest.mark.parametrize("stack", ["cloud", "cluster"])
def test_validity(here: lives.Installation, stack: str) -> None:
    """Every argument is one that the provider has, and nothing is warned of."""
    assert here.stack(stack).succeed("validate").strip() == "Success! The configuration is valid."


@pytest.mark.parametrize(("stack", "runs"), [("cloud", 6), ("cluster", 3)])
def test_assertions(here: lives.Installation, stack: str, runs: int) -> None:
    """`terraform test`: the stack's own assertions, the refusals among them."""
    said = here.stack(stack).succeed("test")

    assert re.search(rf"Success! {runs} passed, 0 failed", said), said[-2000:]


@pytest.mark.parametrize(
    ("stack", "file", "right", "wrong", "message"),
    [
        ("cluster", "argocd.tf", "repository ", "repositry ", 'An argument named "repositry" is not expected here'),
        (
            "cluster",
            "main.tf",
            "storage_provisioner ",
            "provisioner_ ",
            'The argument "storage_provisioner" is required',
        ),
        ("cluster", "gitea.tf", "var.gitea_volume", "var.gitea_disk", "An input variable with the name"),
        ("cluster", "infraforge.tf", "timeout ", "timeouts ", "Inappropriate value for attribute"),
    ],
)
def test_mistakes_are_noticed(
    here: lives.Installation, stack: str, file: str, right: str, wrong: str, message: str
) -> None:
    """What the stand-ins for providers know is enough to refuse a wrong argument."""
    path = here.folder / stack / file
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
    try:
        run = here.stack(stack)("validate")
    finally:
        path.write_text(text)

    assert run.returncode == 1
    assert message in " ".join(re.sub(r"[│╷╵]", " ", run.stderr).split())


@pytest.mark.parametrize("chart", ["claims", "knative", "namespaces"])
def test_helm_takes_the_charts(chart: str) -> None:
    """Helm's own command finds nothing to complain of in the small charts of the cluster stack."""
    try:
        helm = tools.helm()
    except tools.MissingToolError as missing:
        pytest.skip(str(missing))
    folder = terraform.AWS / "cluster" / "charts" / chart
    run = subprocess.run([helm, "lint", "--strict", folder], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout
    assert "[WARNING]" not in run.stdout
