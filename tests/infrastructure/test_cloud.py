"""The cloud stack, applied to an AWS of our own: what is there, who may do what, and that nothing is left."""

import json
from collections.abc import Callable

import pytest

from tests.infrastructure import terraform
from tests.infrastructure.life import Life

RESOURCES = 64
"""Resource instances in three zones with a NAT gateway in each."""


def test_resources_are_counted(life: Life, record_property: Callable[[str, object], None]) -> None:
    """As many as the README says."""
    assert f"Plan: {RESOURCES} to add, 0 to change, 0 to destroy." in life.said["plan"]
    assert f"Apply complete! Resources: {RESOURCES} added, 0 changed, 0 destroyed." in life.said["up"]
    assert f"Destroy complete! Resources: {RESOURCES} destroyed." in life.said["down"]
    assert f"{RESOURCES} resources" in (terraform.AWS / "README.md").read_text()
    steps = ", ".join(f"{step} {seconds} s" for step, seconds in life.seconds.items())
    record_property("figure", f"terraform: {RESOURCES} resources of the cloud applied and destroyed ({steps})")


@pytest.mark.parametrize("stack", ["cloud", "cluster"])
def test_a_second_plan_changes_nothing(life: Life, stack: str) -> None:
    """Whatever is applied is also what is read back."""
    assert (life.changed[stack], life.said[f"plan of {stack}"][-2000:] if life.changed[stack] else "") == (0, "")


def test_nothing_is_left(life: Life) -> None:
    """A destroyed throw-away installation leaves no cluster, image, password, network or identity."""
    assert life.left == {name: type(value)() for name, value in life.facts.items()}


def test_a_locked_state_is_not_touched(life: Life) -> None:
    """The lock is an object in the bucket, and one that somebody else holds stops a plan."""
    assert "Error acquiring the state lock" in life.said["plan of what is locked"]


def test_the_bucket_of_the_states(life: Life) -> None:
    """`make state` makes it versioned, encrypted and closed."""
    if not life.bucket:
        pytest.skip("aws is not on PATH: `make state` was not run")

    assert life.bucket["versioning"] == "Enabled"
    assert life.bucket["encryption"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert set(life.bucket["closed"].values()) == {True}


def test_the_password_is_in_aws_and_in_no_state(life: Life) -> None:
    """Neither in a state nor in a plan or an output; only Secrets Manager, and the Secrets in the cluster, have it."""
    (document,) = life.facts["passwords"]
    secret = json.loads(document)

    assert (secret["username"], len(secret["password"])) == ("gitea-admin", 40)
    for text in (*life.states.values(), *life.said.values(), json.dumps(life.outputs)):
        assert secret["password"] not in text


def test_what_aws_has(life: Life) -> None:
    """The API server is private, its Secrets are encrypted, and images cannot be replaced."""
    (cluster,) = life.facts["clusters"]

    assert cluster["resourcesVpcConfig"]["endpointPrivateAccess"] is True
    assert cluster["resourcesVpcConfig"]["endpointPublicAccess"] is False
    assert cluster["encryptionConfig"][0]["resources"] == ["secrets"]
    logs = {name for log in cluster["logging"]["clusterLogging"] if log["enabled"] for name in log["types"]}
    assert logs == {"api", "audit", "authenticator", "controllerManager", "scheduler"}
    assert {it["repositoryName"] for it in life.facts["repositories"]} == {
        f"infraforge/{function}" for function in ("bootstrap", "application", "platform")
    }
    assert {it["imageTagMutability"] for it in life.facts["repositories"]} == {"IMMUTABLE"}
    assert {it["encryptionConfiguration"]["encryptionType"] for it in life.facts["repositories"]} == {"KMS"}
    assert len(life.facts["nats"]) == 3


def test_who_may_do_what(life: Life) -> None:
    """Each role has the policies of its job and no more; the nodes cannot reshape the network."""
    assert life.facts["policies"] == {
        "infraforge-cluster": ["AmazonEKSClusterPolicy"],
        "infraforge-nodes": ["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy"],
        "infraforge-vpc-cni": ["AmazonEKS_CNI_Policy"],
        "infraforge-aws-ebs-csi-driver": ["AmazonEBSCSIDriverPolicy"],
    }


@pytest.mark.parametrize(
    ("addon", "account"), [("vpc-cni", "aws-node"), ("aws-ebs-csi-driver", "ebs-csi-controller-sa")]
)
def test_one_service_account_takes_the_role_of_an_addon(life: Life, addon: str, account: str) -> None:
    """By IRSA: the cluster's issuer vouches for exactly that account, and for tokens that are meant for AWS."""
    resources = life.resources("cloud")
    issuer = life.facts["clusters"][0]["identity"]["oidc"]["issuer"].removeprefix("https://")
    (statement,) = json.loads(resources[f'aws_iam_role.irsa["{addon}"]']["assume_role_policy"])["Statement"]

    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {"Federated": life.outputs["oidc_provider_arn"]}
    assert statement["Condition"]["StringEquals"] == {
        f"{issuer}:aud": "sts.amazonaws.com",
        f"{issuer}:sub": f"system:serviceaccount:kube-system:{account}",
    }
    kind = "network" if addon == "vpc-cni" else "workload"
    assert (
        resources[f'aws_eks_addon.{kind}["{addon}"]']["service_account_role_arn"]
        == resources[f'aws_iam_role.irsa["{addon}"]']["arn"]
    )
