"""The cloud stack's whole life against an AWS of our own: init, validate, plan, apply, no change, destroy."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure import terraform
from tests.infrastructure.conftest import REGION

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed: nothing to ask AWS with")

BUCKET = "example-infraforge-state"
ADMIN = "arn:aws:iam::123456789012:role/platform"
RESOURCES = 64
"""Resource instances in three zones with a NAT gateway in each."""


@dataclass(frozen=True)
class Life:
    """What was seen of the stack, from its first plan to its end."""

    planned: str
    locked: str
    outputs: dict[str, Any]
    state: str
    again: int
    differences: str
    facts: dict[str, Any]
    destroyed: str
    left: dict[str, Any]
    seconds: dict[str, float]


class Stopwatch:
    """Notes how long each step took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, step: str) -> None:
        now = time.monotonic()
        self.seconds[step] = round(now - self._since, 1)
        self._since = now


def client(service: str, environment: Mapping[str, str]) -> Any:
    """A client of our own AWS."""
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def facts(environment: Mapping[str, str]) -> dict[str, Any]:
    """What AWS itself says is there, beside what Terraform believes."""
    eks, ec2, secrets = (client(name, environment) for name in ("eks", "ec2", "secretsmanager"))
    secret = secrets.list_secrets()["SecretList"]
    return {
        "clusters": [eks.describe_cluster(name=name)["cluster"] for name in eks.list_clusters()["clusters"]],
        "repositories": client("ecr", environment).describe_repositories()["repositories"],
        "password": [secrets.get_secret_value(SecretId=it["ARN"])["SecretString"] for it in secret],
        "vpcs": [it for it in ec2.describe_vpcs()["Vpcs"] if not it["IsDefault"]],
        "nats": [it for it in ec2.describe_nat_gateways()["NatGateways"] if it["State"] == "available"],
        "roles": [it["RoleName"] for it in client("iam", environment).list_roles()["Roles"]],
        "policies": {
            role["RoleName"]: {
                policy["PolicyName"]
                for policy in client("iam", environment).list_attached_role_policies(RoleName=role["RoleName"])[
                    "AttachedPolicies"
                ]
            }
            for role in client("iam", environment).list_roles()["Roles"]
        },
    }


@pytest.fixture(scope="module")
def life(terraform_command: Path, aws_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Life:
    """One life of the stack, with its state in a bucket as an installation keeps it."""
    stack = terraform.copy_of("cloud", tmp_path_factory.mktemp("cloud"))
    (stack / "test.auto.tfvars.json").write_text(
        json.dumps({"region": REGION, "admin_role_arns": [ADMIN], "disposable": True})
    )
    bucket = client("s3", aws_environment)
    bucket.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    run = terraform.Terraform(terraform_command, stack, aws_environment)
    watch = Stopwatch()
    backend = [f"-backend-config={terraform.AWS / 'backend.hcl.example'}", "-backend-config=key=cloud.tfstate"]
    run.succeed("init", "-lockfile=readonly", *backend, "-backend-config=use_path_style=true")
    watch.lap("init")
    run.succeed("validate")
    watch.lap("validate")
    planned = run.succeed("plan", "-out=first.tfplan")
    watch.lap("plan")
    run.succeed("apply", "first.tfplan")
    watch.lap("apply")
    again = run("plan", "-detailed-exitcode")
    watch.lap("second plan")
    bucket.put_object(Bucket=BUCKET, Key="cloud.tfstate.tflock", Body=b'{"ID":"somebody-else"}')
    locked = run("plan", "-refresh=false").stderr
    bucket.delete_object(Bucket=BUCKET, Key="cloud.tfstate.tflock")
    watch.lap("locked plan")
    outputs = json.loads(run.succeed("output", "-json"))
    state = bucket.get_object(Bucket=BUCKET, Key="cloud.tfstate")["Body"].read().decode()
    seen = facts(aws_environment)
    watch.lap("questions")
    destroyed = run.succeed("destroy", "-auto-approve")
    watch.lap("destroy")
    return Life(
        planned=planned,
        locked=locked,
        outputs={name: it["value"] for name, it in outputs.items()},
        state=state,
        again=again.returncode,
        differences=again.stdout + again.stderr,
        facts=seen,
        destroyed=destroyed,
        left=facts(aws_environment),
        seconds=watch.seconds,
    )


def test_resources_are_counted(life: Life, capsys: pytest.CaptureFixture[str]) -> None:
    """As many as the README says; the figure and the times are printed."""
    with capsys.disabled():
        steps = ", ".join(f"{step} {seconds} s" for step, seconds in life.seconds.items())
        print(f"\n{RESOURCES} resources applied and destroyed ({steps})")

    assert f"Plan: {RESOURCES} to add, 0 to change, 0 to destroy." in life.planned
    assert f"Destroy complete! Resources: {RESOURCES} destroyed." in life.destroyed
    assert f"{RESOURCES} resources" in (terraform.AWS / "README.md").read_text()


def test_a_second_plan_changes_nothing(life: Life) -> None:
    """Whatever is applied is also what is read back."""
    assert (life.again, life.differences[-2000:] if life.again else "") == (0, "")


def test_nothing_is_left(life: Life) -> None:
    """A destroyed throw-away installation leaves no cluster, image, password, network or identity."""
    assert life.left == {name: type(value)() for name, value in life.facts.items()}


def test_a_locked_state_is_not_touched(life: Life) -> None:
    """The lock is an object in the bucket, and one that somebody else holds stops a plan."""
    assert "Error acquiring the state lock" in life.locked


def test_the_password_is_in_aws_and_nowhere_else(life: Life) -> None:
    """Neither in the state nor in a plan or an output."""
    (document,) = life.facts["password"]
    secret = json.loads(document)

    assert (secret["username"], len(secret["password"])) == ("gitea-admin", 40)
    for text in (life.state, life.planned, json.dumps(life.outputs)):
        assert secret["password"] not in text


def test_what_aws_has(life: Life) -> None:
    """The API server is private, its Secrets are encrypted, and images cannot be replaced."""
    (cluster,) = life.facts["clusters"]

    assert cluster["resourcesVpcConfig"]["endpointPrivateAccess"] is True
    assert cluster["resourcesVpcConfig"]["endpointPublicAccess"] is False
    assert cluster["encryptionConfig"][0]["resources"] == ["secrets"]
    assert {name for log in cluster["logging"]["clusterLogging"] if log["enabled"] for name in log["types"]} == {
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    }  # fmt: skip - a set to be read as one
    assert {it["repositoryName"] for it in life.facts["repositories"]} == {
        "infraforge/bootstrap",
        "infraforge/application",
        "infraforge/platform",
    }  # fmt: skip - a set to be read as one
    assert {it["imageTagMutability"] for it in life.facts["repositories"]} == {"IMMUTABLE"}
    assert {it["encryptionConfiguration"]["encryptionType"] for it in life.facts["repositories"]} == {"KMS"}
    assert len(life.facts["nats"]) == 3


def test_who_may_do_what(life: Life) -> None:
    """Each role has the policies of its job and no more; the nodes cannot reshape the network."""
    assert life.facts["policies"] == {
        "infraforge-cluster": {"AmazonEKSClusterPolicy"},
        "infraforge-nodes": {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"},
        "infraforge-vpc-cni": {"AmazonEKS_CNI_Policy"},
        "infraforge-aws-ebs-csi-driver": {"AmazonEBSCSIDriverPolicy"},
    }


def test_outputs_feed_the_other_stack(life: Life) -> None:
    """All that the cluster stack's variable `cloud` takes is there, and no more."""
    wanted = re.search(r'variable "cloud" \{(.*?)\n\}', (terraform.AWS / "cluster" / "variables.tf").read_text(), re.S)

    assert wanted
    assert set(life.outputs["cloud"]) == set(re.findall(r"^    (\w+) += ", wanted[1], re.M))
