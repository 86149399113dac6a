"""A claim's spec put in place of another, shown before it is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from cli.cluster import Changed, Cluster, Reference
from cli.exits import Failure
from cli.history.spec_changes import Change, between
from cli.manifests import Manifest
from cli.output import printable, stdout
from sandbox.supervisor.knative import API_VERSION


@dataclass(frozen=True)
class Replacement:
    """What a claim is to become: `live` is what was read of it (None when it is not there), `spec` what it shall say.

    `changes` is what that changes, as the API server says that it would.
    """

    reference: Reference
    live: Mapping[str, Any] | None
    spec: Mapping[str, Any]
    changes: tuple[Change, ...]

    @classmethod
    def rehearsed(
        cls, cluster: Cluster, reference: Reference, live: Mapping[str, Any] | None, spec: Mapping[str, Any]
    ) -> "Replacement":
        """The replacement, once the API server has been asked for every rule that it knows; raises `Refused`."""
        if live is None:
            after = cluster.rehearse(_manifest(reference, spec))
            return cls(reference, live, spec, tuple(between({}, after["spec"])))
        after = cluster.replace(reference, _with(live, spec), rehearsal=True)
        return cls(reference, live, spec, tuple(between(live.get("spec") or {}, after.get("spec") or {})))

    def show(self) -> None:
        """What it would change, line by line."""
        for change in self.changes:
            stdout().print(Text(f"  {printable(change.line)}"), soft_wrap=True)

    def carry_out(self, cluster: Cluster) -> dict[str, Any]:
        """The claim as it is then; `Failure` when it is no longer the one that was shown."""
        if self.live is None:
            return dict(cluster.apply(_manifest(self.reference, self.spec)).document)
        try:
            return cluster.replace(self.reference, _with(self.live, self.spec))
        except Changed as error:
            raise Failure(f"{self.reference} was changed meanwhile, and nothing was done: look at it again") from error


def _with(live: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    return {**live, "spec": dict(spec)}


def _manifest(reference: Reference, spec: Mapping[str, Any]) -> Manifest:
    metadata = {"name": reference.name, "namespace": reference.namespace}
    document = {"apiVersion": API_VERSION, "kind": reference.kind, "metadata": metadata, "spec": dict(spec)}
    return Manifest(document, str(reference))
