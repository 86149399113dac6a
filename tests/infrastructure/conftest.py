"""One AWS and one Terraform for the tests of a module, each of them skipped with its reason where it is missing."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.infrastructure import terraform

REGION = "eu-central-1"


@pytest.fixture(scope="session")
def terraform_command() -> Path:
    """The command, or a skip."""
    try:
        return terraform.command()
    except terraform.MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def aws_mirror(terraform_command: Path) -> Path:
    """A mirror with the AWS provider that the stack locks, or a skip."""
    del terraform_command
    try:
        return terraform.mirror("aws", terraform.locked_version("cloud", "aws"))
    except terraform.MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """The URL of an empty AWS of our own, in a process that ends with these tests."""
    pytest.importorskip("moto", reason="moto is not installed: no AWS to apply to")
    environment = os.environ | {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.infrastructure.cloud"],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout
        url = server.stdout.readline().strip()
        assert url, "the AWS of the tests did not start"
        yield url
        server.communicate()  # closes its standard input, and with that it ends


@pytest.fixture(scope="session")
def aws_environment(aws_url: str, aws_mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Environment variables that lead Terraform and every AWS client to our own AWS."""
    configuration = terraform.cli_configuration(tmp_path_factory.mktemp("configuration"), aws_mirror)
    return {
        "TF_CLI_CONFIG_FILE": str(configuration),
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
