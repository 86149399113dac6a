"""One AWS, one Terraform and one installation for all tests, each skipped with its reason where it is missing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.infrastructure import life as lives
from tests.infrastructure import terraform


@pytest.fixture(scope="session")
def terraform_command() -> Path:
    """The command, or a skip."""
    try:
        return terraform.command()
    except terraform.MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def aws_mirror(terraform_command: Path) -> Path:
    """A mirror with the AWS provider that the cloud stack locks, or a skip."""
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
        cwd=lives.ROOT,
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
    """Environment variables that lead every AWS client to our own AWS, and Terraform to providers of this machine."""
    pytest.importorskip(
        "grpc", reason="grpcio is not installed: nothing stands in for the helm and kubernetes providers"
    )
    from tests.infrastructure import schema_provider  # noqa: PLC0415 - needs grpcio, which not every machine has

    folder = tmp_path_factory.mktemp("providers")
    stood_in = [f"hashicorp/{name}" for name in schema_provider.mirror(folder / "mirror")]
    mirrors = {aws_mirror: ["hashicorp/aws"], folder / "mirror": stood_in}
    return {
        "TF_CLI_CONFIG_FILE": str(terraform.cli_configuration(folder, mirrors)),
        "TF_DISABLE_PLUGIN_TLS": "1",  # the stand-ins speak over a socket in a folder of their own
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": lives.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@pytest.fixture(scope="session")
def life(
    terraform_command: Path, aws_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> lives.Life:
    """One life of an installation, with its states in a bucket."""
    if shutil.which("make") is None:
        pytest.skip("make is not on PATH")
    folder = tmp_path_factory.getbasetemp()
    record = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "infrastructure-life.json"
    return lives.remembered(
        record, lambda: lives.lived(lives.prepared(tmp_path_factory.mktemp("life"), terraform_command, aws_environment))
    )
