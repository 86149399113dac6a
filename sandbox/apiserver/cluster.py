"""The cluster's state: objects, the resources that CRDs add, and the ends of namespaces and CRDs."""

from collections.abc import Callable
from typing import Any

from sandbox.apiserver import builtin
from sandbox.apiserver.access.aggregation import Aggregation, bootstrap_roles
from sandbox.apiserver.access.rbac import GROUP as RBAC
from sandbox.apiserver.changes import Options, Target
from sandbox.apiserver.crds import CLEANUP, CRDS, crd_hooks, established, resources_of
from sandbox.apiserver.garbage import FINALIZERS, Collector
from sandbox.apiserver.objects import Objects
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.storage import Entry, Storage

Json = dict[str, Any]
_SYSTEM = ("default", "kube-node-lease", "kube-public", "kube-system")


class Cluster:
    """Everything behind the HTTP layer; `registry` and `storage` may be read, writes go through the methods.

    `later`, if set, is called with what is to run a moment after a write: the garbage collector, a controller of its
    own in a real cluster, which nobody who deletes something may count on at once.
    """

    def __init__(self, storage: Storage) -> None:
        """Serve what the storage holds; a new one gets the system namespaces and the usual ClusterRoles."""
        self.storage = storage
        self.later: Callable[[Callable[[], None]], object] | None = None
        self._collecting = False
        self.types = builtin.load_types()
        self.registry = builtin.registry(self.types)
        self._objects = Objects(storage, builtin.hooks() | {CRDS: crd_hooks()}, self._removed)
        self._garbage = Collector(storage, self.registry, self._objects)
        self._aggregation = Aggregation(storage, self._objects, self.resource("clusterroles", RBAC))
        for _, entry in storage.entries(CRDS):
            self._serve(entry.object)
        for name in _SYSTEM:
            self.ensure_namespace(name)
        for resource in self.registry:
            storage.open_table(resource.qualified)
            self._garbage.follow(resource.qualified)
        for role in bootstrap_roles():
            self._ensure_role(role)
        self._aggregation.run()
        self._garbage.run()

    def resource(self, plural: str, group: str = "") -> Resource:
        """Return a built-in resource."""
        return next(r for r in self.registry if (r.plural, r.group) == (plural, group))

    def ensure_namespace(self, name: str) -> None:
        """Create the namespace if it is absent."""
        if self.storage.get("namespaces", ("", name)) is None:
            body = {"metadata": {"name": name}}
            self.create(Target(self.resource("namespaces"), ""), body, Options(manager="kube-apiserver"))

    def _ensure_role(self, role: Json) -> None:
        resource = self.resource(f"{role['kind'].lower()}s", RBAC)
        if self.storage.get(resource.qualified, ("", role["metadata"]["name"])) is None:
            self._objects.create(Target(resource, ""), role, Options(manager="kube-apiserver"))

    def ensure_crd(self, crd: Json) -> None:
        """Create the CustomResourceDefinition, or bring it up to date."""
        resource = self.resource("customresourcedefinitions", "apiextensions.k8s.io")
        target = Target(resource, "", crd["metadata"]["name"])
        live = self.storage.get(CRDS, target.key)
        options = Options(manager="kube-apiserver", validation="Strict")
        if live is None:
            self.create(target, crd, options)
        else:
            version = {"resourceVersion": live.object["metadata"]["resourceVersion"]}
            self.replace(target, {**crd, "metadata": crd["metadata"] | version}, options)

    def create(self, target: Target, body: Any, options: Options) -> Entry:
        """Create an object."""
        entry = self._noticed(target, self._objects.create(target, body, options), options)
        entry = self._established(target, entry, options)
        self._collect()
        return entry

    def replace(self, target: Target, body: Any, options: Options) -> Entry:
        """Replace an object."""
        entry = self._noticed(target, self._objects.replace(target, body, options), options)
        self._collect()
        return entry

    def patch(self, target: Target, kind: str, patch: Any, options: Options) -> tuple[Entry, bool]:
        """Patch an object; return it and whether it was created."""
        entry, created = self._objects.patch(target, kind, patch, options)
        entry = self._noticed(target, entry, options)
        entry = self._established(target, entry, options) if created else entry
        self._collect()
        return entry, created

    def delete(self, target: Target, preconditions: Json, options: Options, policy: str = "") -> Entry | None:
        """Delete an object; return what finalizers keep of it. A namespace and a CRD take their content along.

        `policy` is the propagationPolicy: what is owned goes afterwards (Background, the default), before (Foreground)
        or not at all (Orphan).
        """
        kept = self._objects.delete(target, preconditions, options, finalizer=FINALIZERS.get(policy, ""))
        if kept is not None and not options.dry_run:
            if target.resource.qualified == "namespaces":
                self._drain_namespace(target.name)
            elif target.resource.qualified == CRDS:
                self._drain_crd(kept.object)
        self._collect()
        return kept

    def settle(self) -> None:
        """Do at once what was left for later."""
        self._garbage.run()

    def _collect(self) -> None:
        self._aggregation.run()
        if self.later is None:
            self._garbage.run()
        elif self._garbage.wanted and not self._collecting:
            self._collecting = True
            self.later(self._collect_now)

    def _collect_now(self) -> None:
        self._collecting = False
        self.settle()

    def _noticed(self, target: Target, entry: Entry, options: Options) -> Entry:
        stored = self.storage.get(CRDS, ("", entry.object["metadata"].get("name", "")))
        if target.resource.qualified == CRDS and stored is entry and not options.dry_run:
            self._serve(entry.object)
        return entry

    def _established(self, target: Target, entry: Entry, options: Options) -> Entry:
        if target.resource.qualified == CRDS and not options.dry_run:
            named = Target(target.resource, "", entry.object["metadata"]["name"])
            status = Options(manager="kube-apiserver", subresource="status")
            self._objects.replace(named, established(entry.object), status)
        return entry

    def _serve(self, crd: Json) -> None:
        spec = crd["spec"]
        resources = resources_of(crd, self.types)
        self.registry.replace(spec["group"], spec["names"]["plural"], resources)
        for resource in resources:
            self.storage.open_table(resource.qualified)
            self._garbage.follow(resource.qualified)

    def _removed(self, target: Target) -> None:
        if target.resource.qualified == CRDS:
            plural, _, group = target.name.partition(".")
            self.registry.replace(group, plural, [])
        if target.namespace:
            self._finish_namespace(target.namespace)
        if target.resource.custom:
            self._finish_crd(target.resource.qualified)

    def _drain_namespace(self, name: str) -> None:
        for resource in {r.qualified: r for r in self.registry if r.namespaced and r.stored}.values():
            for key, _ in self.storage.entries(resource.qualified, name):
                self._objects.delete(Target(resource, *key), {}, Options(manager=""))
        self._finish_namespace(name)

    def _finish_namespace(self, name: str) -> None:
        live = self.storage.get("namespaces", ("", name))
        if live is None or "deletionTimestamp" not in live.object["metadata"] or not live.object["spec"]["finalizers"]:
            return
        if any(self.storage.entries(r.qualified, name) for r in self.registry if r.namespaced):
            return
        emptied = {**live.object, "metadata": dict(live.object["metadata"]), "spec": {"finalizers": []}}
        self._objects.release(Target(self.resource("namespaces"), "", name), emptied)

    def _drain_crd(self, crd: Json) -> None:
        name = crd["metadata"]["name"]
        for resource in [r for r in self.registry if r.custom and r.qualified == name][:1]:
            for key, _ in self.storage.entries(name):
                self._objects.delete(Target(resource, *key), {}, Options(manager=""))
        self._finish_crd(name)

    def _finish_crd(self, name: str) -> None:
        live = self.storage.get(CRDS, ("", name))
        if live is None or "deletionTimestamp" not in live.object["metadata"] or self.storage.entries(name):
            return
        metadata = live.object["metadata"]
        finalizers = [finalizer for finalizer in metadata.get("finalizers") or () if finalizer != CLEANUP]
        released = {**live.object, "metadata": metadata | {"finalizers": finalizers}}
        self._objects.release(
            Target(self.resource("customresourcedefinitions", "apiextensions.k8s.io"), "", name), released
        )
