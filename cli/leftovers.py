"""What stays behind of a claim that goes without InfraForge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.cluster import Reference


@dataclass(frozen=True)
class Leftovers:
    """Paths in voltran, whether the status knows of a commit with them, and what runs."""

    paths: tuple[str, ...]
    known: bool
    workloads: str

    @classmethod
    def of(cls, reference: Reference, document: Mapping[str, Any]) -> "Leftovers":
        """Of a claim of any kind, as it was read."""
        known = bool((document.get("status") or {}).get("commit"))
        spec = document.get("spec") or {}
        type_, environment = spec.get("clusterType", "?"), spec.get("environment", "?")
        paths: tuple[str, ...]
        folder = f"environments/{type_}/{environment}"
        match reference.kind:
            case "ApplicationClaim":
                paths = (f"{folder}/applications", f"appsets/{type_}/apps/{environment}-appset.yaml")
                runs = f"the applications of {environment} in namespace {reference.namespace}"
            case "PlatformClaim":
                services = (f"{folder}/platform/{one.get('name')}" for one in spec.get("services") or ())
                paths = (*services, f"appsets/{type_}/platform/{environment}-platform-appset.yaml")
                runs = f"the services of {environment} in namespace {reference.namespace}, with their volumes"
            case "InfrastructureClaim":
                paths = (f"{folder}/platform/namespaces",)
                runs = f"the namespaces of {environment}, with all that is in them"
            case _:
                paths = ("root-apps", "environments", "appsets")
                runs = "ArgoCD's projects and root applications, and everything below them"
        return cls(paths, known, runs)

    @property
    def lines(self) -> tuple[str, str]:
        """For people, each with its mend."""
        stays = "stays" if self.known else "may be"
        return (
            f"{stays} in Git (voltran): {', '.join(self.paths)}; remove it there, or apply the claim again, "
            "which adopts it",
            f"goes on running: {self.workloads}; delete it where it runs once its files are gone",
        )
