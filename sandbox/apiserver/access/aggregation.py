"""ClusterRoles that a new cluster has, and those whose rules are gathered from others (`aggregationRule`).

Source: k8s.io/kubernetes, plugin/pkg/auth/authorizer/rbac/bootstrappolicy (`bootstrap_roles.json` holds its roles for
people and service accounts, Apache-2.0; those of the cluster's own parts are left out) and
pkg/controller/clusterroleaggregation.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sandbox.apiserver.access.rbac import CLUSTER_ROLES, GROUP
from sandbox.apiserver.changes import Options, Target
from sandbox.apiserver.objects import Objects
from sandbox.apiserver.patches import APPLY_PATCH
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.selectors import select
from sandbox.apiserver.storage import Storage

Json = dict[str, Any]
_CONTROLLER: Final = "clusterrole-aggregation-controller"


def bootstrap_roles() -> list[Json]:
    """Return the ClusterRoles and ClusterRoleBindings of a new cluster."""
    found: list[Json] = json.loads(Path(__file__).with_name("bootstrap_roles.json").read_bytes())
    return found


class Aggregation:
    """Keeps the rules of aggregated ClusterRoles; `run` after writes, it does nothing while no ClusterRole changed."""

    def __init__(self, storage: Storage, objects: Objects, roles: Resource) -> None:
        self._storage = storage
        self._objects = objects
        self._roles = roles
        self._changed = False
        storage.subscribe(CLUSTER_ROLES, lambda _: self._notice())

    def run(self) -> None:
        """Gather until nothing changes: `admin` gathers `edit`, which gathers `view`."""
        while self._changed:
            self._changed = False
            for (_, name), entry in self._storage.entries(CLUSTER_ROLES):
                if "aggregationRule" in entry.object:
                    self._gather(name, entry.object)

    def _notice(self) -> None:
        self._changed = True

    def _gather(self, name: str, role: Json) -> None:
        rules: list[Json] = []
        for rule in self._selected(name, role):
            if rule not in rules:
                rules.append(rule)
        if rules == (role.get("rules") or []):
            return
        patch = {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
        self._objects.patch(Target(self._roles, "", name), APPLY_PATCH, patch, Options(_CONTROLLER, force=True))

    def _selected(self, name: str, role: Json) -> Iterator[Json]:
        for selector in role["aggregationRule"].get("clusterRoleSelectors") or ():
            for (_, other), entry in self._storage.entries(CLUSTER_ROLES):
                if other != name and select(selector, entry.object["metadata"].get("labels") or {}):
                    yield from entry.object.get("rules") or ()
