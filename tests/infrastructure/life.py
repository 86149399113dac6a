"""The whole life of an installation against an AWS of our own, led by the Makefile as an operator leads it."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.infrastructure import terraform

REGION = "eu-central-1"
BUCKET = "example-infraforge-state"
ADMIN = "arn:aws:iam::123456789012:role/platform"
LOCK = "infraforge/cloud.tfstate.tflock"
ROOT = terraform.AWS.parents[1]


@dataclass
class Life:
    """What was seen, from the first plan to the end; `said` and `seconds` are by step."""

    seconds: dict[str, float] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    bucket: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    left: dict[str, Any] = field(default_factory=dict)

    def resources(self, stack: str) -> dict[str, dict[str, Any]]:
        """The attributes of every resource instance in a stack's state, by address."""
        return {
            f"{it['type']}.{it['name']}" + (f"[{json.dumps(one['index_key'])}]" if "index_key" in one else ""): one[
                "attributes"
            ]
            for it in json.loads(self.states[stack])["resources"]
            if it["mode"] == "managed"
            for one in it["instances"]
        }


@dataclass(frozen=True)
class Installation:
    """A copy of the stacks, the charts and the claims, and the AWS it is applied to."""

    folder: Path
    executable: Path
    environment: Mapping[str, str]
    life: Life = field(default_factory=Life)

    def make(self, target: str, *arguments: str) -> None:
        """One target of the Makefile, which has to succeed."""
        begun = time.monotonic()
        run = subprocess.run(
            ["make", "-C", str(self.folder), target, f"TERRAFORM={self.executable} ", *arguments],
            env=terraform.environment(self.environment),
            capture_output=True,
            text=True,
            timeout=terraform.SECONDS,
            check=False,
        )
        self.life.seconds[target] = round(time.monotonic() - begun, 1)
        self.life.said[target] = plain(run.stdout)
        assert run.returncode == 0, f"make {target}: {plain(run.stdout)[-1500:]}\n{plain(run.stderr)[-2500:]}"

    def stack(self, name: str) -> terraform.Terraform:
        """Runs in one of the stacks."""
        return terraform.Terraform(self.executable, self.folder / name, self.environment)

    def client(self, service: str) -> Any:
        """A client of the AWS."""
        import boto3  # noqa: PLC0415 - a dependency of moto, which not every machine has

        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


def plain(text: str) -> str:
    """`text` without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def prepared(folder: Path, executable: Path, environment: Mapping[str, str]) -> Installation:
    """An installation in `folder` with settings as the examples have them, for our own AWS."""
    aws = folder / "infrastructure" / "aws"
    ignored = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars*", "backend.hcl")
    shutil.copytree(terraform.AWS, aws, ignore=ignored)
    for beside in ("knative", "deployments"):
        shutil.copytree(ROOT / beside, folder / beside)
    (aws / "backend.hcl").write_text((aws / "backend.hcl.example").read_text() + "use_path_style = true\n")
    cloud = {"region": REGION, "admin_role_arns": [ADMIN], "disposable": True}
    (aws / "cloud" / "test.auto.tfvars.json").write_text(json.dumps(cloud))
    (aws / "cluster" / "test.auto.tfvars.json").write_text(json.dumps({"infraforge_chart": "../../../knative"}))
    return Installation(aws, executable, environment)


def remembered(record: Path, lead: Callable[[], Life]) -> Life:
    """The life in `record`, or a new one, which is written there: test processes at one time lead one life."""
    with record.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists():
            record.write_text(json.dumps(asdict(lead()), default=str))
        return Life(**json.loads(record.read_text()))


def lived(here: Installation) -> Life:
    """Lead the installation through its life."""
    life, storage = here.life, here.client("s3")
    _bucket(here, storage)
    here.make("plan")
    here.make("up", "ARGS=-auto-approve")
    for stack in ("cloud", "cluster"):
        again = here.stack(stack)("plan", "-detailed-exitcode")
        life.changed[stack] = again.returncode
        life.said[f"plan of {stack}"] = again.stdout + again.stderr
    life.seconds["plan of what is applied"] = _since(here.folder / "cluster" / "cloud.auto.tfvars.json")
    storage.put_object(Bucket=BUCKET, Key=LOCK, Body=b'{"ID": "somebody-else"}')
    life.said["plan of what is locked"] = here.stack("cloud")("plan", "-refresh=false").stderr
    storage.delete_object(Bucket=BUCKET, Key=LOCK)
    life.outputs = {
        name: it["value"]
        for stack in ("cloud", "cluster")
        for name, it in json.loads(here.stack(stack).succeed("output", "-json")).items()
    }
    for stack in ("cloud", "cluster"):
        body = storage.get_object(Bucket=BUCKET, Key=f"infraforge/{stack}.tfstate")["Body"]
        life.states[stack] = body.read().decode()
    life.facts = _facts(here)
    here.make("down", "ARGS=-auto-approve -refresh=false")
    life.left = _facts(here)
    return life


def _since(path: Path) -> float:
    return round(time.time() - path.stat().st_mtime, 1)


def _bucket(here: Installation, storage: Any) -> None:
    """The bucket for the states, by `make state` where there is an `aws` command."""
    if shutil.which("aws", path=os.environ.get("PATH")):
        here.make("state")
        here.life.bucket = {
            "versioning": storage.get_bucket_versioning(Bucket=BUCKET).get("Status"),
            "closed": storage.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"],
            "encryption": storage.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"],
        }
    else:
        storage.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


def _facts(here: Installation) -> dict[str, Any]:
    """What AWS itself says is there, beside what Terraform believes."""
    eks, ec2, iam, secrets = (here.client(name) for name in ("eks", "ec2", "iam", "secretsmanager"))
    roles = [it["RoleName"] for it in iam.list_roles()["Roles"]]
    attached = {name: iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] for name in roles}
    return {
        "clusters": [eks.describe_cluster(name=name)["cluster"] for name in eks.list_clusters()["clusters"]],
        "repositories": here.client("ecr").describe_repositories()["repositories"],
        "passwords": [
            secrets.get_secret_value(SecretId=it["ARN"])["SecretString"] for it in secrets.list_secrets()["SecretList"]
        ],
        "vpcs": [it for it in ec2.describe_vpcs()["Vpcs"] if not it["IsDefault"]],
        "nats": [it for it in ec2.describe_nat_gateways()["NatGateways"] if it["State"] == "available"],
        "policies": {name: sorted(policy["PolicyName"] for policy in policies) for name, policies in attached.items()},
    }
