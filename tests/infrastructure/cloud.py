"""AWS for the tests: moto's server in a process of its own, with what moto's EKS lacks.

Run as `python -m tests.infrastructure.cloud`; it prints its URL and serves until its standard input is closed.
moto 5.2 has no EKS add-ons and no access entries, forgets a cluster's access configuration, makes up a certificate that
is no base64, gives every node group an SSH key, and takes a launch template's own tags for its instances'. The stack is
not bent for that: it is set right here, as far as the AWS provider asks for it, in the shapes of botocore's models.
"""

import base64
import sys
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2 import urls as ec2_urls
from moto.ec2.responses import EC2Response
from moto.eks import urls as eks_urls
from moto.eks.exceptions import ResourceInUseException, ResourceNotFoundException
from moto.eks.models import Cluster
from moto.eks.responses import EKSResponse
from moto.server import ThreadedMotoServer

_ADDON = r"{0}/clusters/(?P<name>[^/]+)/addons"
_ENTRY = r"{0}/clusters/(?P<name>[^/]+)/access-entries"
_PRINCIPAL = _ENTRY + r"/(?P<principalArn>arn[^/]+/[^/]+)"
PATHS = (
    _ADDON + "$",
    _ADDON + r"/(?P<addonName>[^/]+)$",
    _ENTRY + "$",
    _PRINCIPAL + "$",
    _PRINCIPAL + "/access-policies$",
    _PRINCIPAL + r"/access-policies/(?P<policyArn>.+)$",
)
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nnone, for nobody connects\n-----END CERTIFICATE-----\n"


class Ec2(EC2Response):
    """moto's EC2, whose launch templates hand their own tags to no instance."""

    def create_launch_template(self) -> ActionResult:
        result = super().create_launch_template()
        template = self.ec2_backend.get_launch_template_by_name(self._get_param("LaunchTemplateName"))
        specifications = template.latest_version().data.get("TagSpecifications", [])
        specifications[:] = [it for it in specifications if it["ResourceType"] != "launch-template"]
        return result


class Eks(EKSResponse):
    """moto's EKS, with add-ons, access entries and access configuration. A record lives on moto's own cluster."""

    def create_cluster(self) -> ActionResult:
        result = super().create_cluster()
        cluster = self._cluster()
        cluster.certificate_authority = {"data": base64.b64encode(_CERTIFICATE).decode()}
        cluster.access_config = self._get_param("accessConfig")
        return result

    def create_nodegroup(self) -> ActionResult:
        result = super().create_nodegroup()
        name = self._get_param("nodegroupName")
        self._cluster().nodegroups[name].remote_access = self._get_param("remoteAccess")
        return result

    def create_addon(self) -> ActionResult:
        name = self._get_param("addonName")
        addon = {
            "addonName": name,
            "clusterName": self._get_param("name"),
            "status": "ACTIVE",
            "addonVersion": self._get_param("addonVersion") or "v1.0.0-eksbuild.1",
            "addonArn": f"{self._cluster().arn.replace(':cluster/', ':addon/')}/{name}/0",
            "serviceAccountRoleArn": self._get_param("serviceAccountRoleArn"),
            "configurationValues": self._get_param("configurationValues"),
            "tags": self._get_param("tags") or {},
        }
        return ActionResult({"addon": self._add("addons", name, addon)})

    def describe_addon(self) -> ActionResult:
        return ActionResult({"addon": self._get("addons", self._get_param("addonName"))})

    def delete_addon(self) -> ActionResult:
        return ActionResult({"addon": self._take("addons", self._get_param("addonName"))})

    def create_access_entry(self) -> ActionResult:
        principal = self._get_param("principalArn")
        entry = {
            "clusterName": self._get_param("name"),
            "principalArn": principal,
            "kubernetesGroups": self._get_param("kubernetesGroups") or [],
            "accessEntryArn": f"{self._cluster().arn.replace(':cluster/', ':access-entry/')}/{principal}",
            "username": self._get_param("username") or principal,
            "type": self._get_param("type") or "STANDARD",
            "tags": self._get_param("tags") or {},
        }
        return ActionResult({"accessEntry": self._add("entries", principal, entry)})

    def describe_access_entry(self) -> ActionResult:
        return ActionResult({"accessEntry": self._get("entries", self._get_param("principalArn"))})

    def delete_access_entry(self) -> ActionResult:
        self._take("entries", self._get_param("principalArn"))
        return ActionResult({})

    def associate_access_policy(self) -> ActionResult:
        principal, policy = self._get_param("principalArn"), self._get_param("policyArn")
        self._get("entries", principal)
        association = {"policyArn": policy, "accessScope": self._get_param("accessScope")}
        self._add(f"policies of {principal}", policy, association)
        return ActionResult(self._named(principal) | {"associatedAccessPolicy": association})

    def list_associated_access_policies(self) -> ActionResult:
        principal = self._get_param("principalArn")
        self._get("entries", principal)
        records = self._records(f"policies of {principal}")
        return ActionResult(self._named(principal) | {"associatedAccessPolicies": list(records.values())})

    def disassociate_access_policy(self) -> ActionResult:
        self._take(f"policies of {self._get_param('principalArn')}", self._get_param("policyArn"))
        return ActionResult({})

    def _cluster(self) -> Cluster:
        return self.eks_backend.describe_cluster(self._get_param("name"))

    def _named(self, principal: str) -> dict[str, Any]:
        return {"clusterName": self._get_param("name"), "principalArn": principal}

    def _records(self, kind: str) -> dict[str, dict[str, Any]]:
        records: dict[str, dict[str, Any]] = vars(self._cluster()).setdefault(kind, {})
        return records

    def _add(self, kind: str, name: str, record: dict[str, Any]) -> dict[str, Any]:
        if name in self._records(kind):
            raise ResourceInUseException(message=f"{name} already exists")
        self._records(kind)[name] = record
        return record

    def _get(self, kind: str, name: str) -> dict[str, Any]:
        if name not in self._records(kind):
            raise ResourceNotFoundException(message=f"No {kind} found with name: {name}")
        return self._records(kind)[name]

    def _take(self, kind: str, name: str) -> dict[str, Any]:
        record = self._get(kind, name)
        del self._records(kind)[name]
        return record


def main() -> None:
    """Serve on a free loopback port."""
    ec2_urls.url_paths.update(dict.fromkeys(ec2_urls.url_paths, Ec2.dispatch))
    eks_urls.url_paths.update(dict.fromkeys((*eks_urls.url_paths, *PATHS), Eks.dispatch))
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
