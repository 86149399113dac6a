"""The claims of a run, and what happens to them: edited, deleted, made anew."""

import copy
import random
import threading
from collections.abc import Sequence
from typing import Any, Final

from functions.application.images import RESOLVE_AGAIN
from sandbox.supervisor.components import GITEA_URL
from shared.claims import API_VERSION
from tests.chaos.cluster import Cluster, Document, reference

IMAGES: Final = {
    "shop": "infraforge/ecommerce-platform",
    "users": "infraforge/user-service",
    "products": "infraforge/product-service",
    "orders": "infraforge/order-service",
}
"""Application → repository of its image."""
TAGS: Final = tuple(f"v1.0.{number}" for number in range(500))
"""Of each of them: so many that there are always some that no function has asked for before. The first are the claims'
own in the beginning."""
SERVED: Final = ("nonprod", "prod")
SPARE: Final = "spare"
"""An organization and a cluster type that nobody uses, so that their BootstrapClaim may go."""
FOREIGN: Final = "edge"
"""A cluster type that the claim names and another installation serves."""
ABANDONED: Final = "abandoned"
"""An environment of a served type that no claim stands for."""


class Fleet:
    """`size` environments with an ApplicationClaim each, every third with a PlatformClaim too, and the platform."""

    def __init__(self, cluster: Cluster, size: int, seed: int) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)  # noqa: S311 - chance, no secret
        self._lock = threading.Lock()
        self._turn = 0
        self.environments = [f"e{number:02}" for number in range(size)]
        self.bootstrap = self._bootstrap()
        self.spare = self._spare()
        self.applications = [self._application(one) for one in self.environments]
        self.platforms = [self._platform(one) for one in self.environments[::3]]

    @property
    def claims(self) -> list[Document]:
        """All but the platform's own."""
        return [*self.applications, *self.platforms]

    def apply(self) -> None:
        """Create every claim."""
        for claim in (self.bootstrap, *self.claims):
            self._cluster.create(claim)

    def some(self, count: int) -> list[Document]:
        """So many claims, taken by chance."""
        return self._random.sample(self.claims, min(count, len(self.claims)))

    def edit(self, claims: Sequence[Document]) -> list[str]:
        """Change each of the claims in one of the ways in which people do; says which."""
        return [self._edit(claim) for claim in claims]

    def touch(self, claim: Document) -> None:
        """Change nothing that matters: a label."""
        self._cluster.patch(claim, {"metadata": {"labels": {"turn": str(self._next())}}})

    def retag(self, claims: Sequence[Document]) -> list[str]:
        """Give each application another tag, and ask for all digests anew; says which claims."""
        turn = self._next()
        for claim in claims:
            spec: Any = claim["spec"]
            for one in spec["applications"]:
                one["image"]["tag"] = TAGS[(100 + turn) % len(TAGS)]
            change = {"spec": {"applications": copy.deepcopy(spec["applications"])}}
            self._cluster.patch(claim, change | {"metadata": {"annotations": {RESOLVE_AGAIN: str(turn)}}})
        return [reference(claim) for claim in claims]

    def delete(self, claim: Document) -> None:
        """Ask for a claim's deletion."""
        self._cluster.delete(claim)

    def recreate(self, claim: Document) -> bool:
        """Make a deleted claim anew; False while the old one is still going."""
        return self._cluster.create(claim)

    def _edit(self, claim: Document) -> str:
        turn = self._next()
        spec: Any = claim["spec"]
        if claim["kind"] == "BootstrapClaim":
            spec["clusters"][0]["environments"].append(f"x{turn:04}")
            change = {"clusters": spec["clusters"]}
        elif claim["kind"] == "PlatformClaim":
            self._random.choice(spec["services"])["values"]["nodeSelector"] = {"turn": str(turn)}
            change = {"services": spec["services"]}
        else:
            self._edit_application(spec, turn)
            change = {"applications": spec["applications"]}
        self._cluster.patch(claim, {"spec": copy.deepcopy(change)})
        return reference(claim)

    def _edit_application(self, spec: Any, turn: int) -> None:
        applications = spec["applications"]
        names = [one["name"] for one in applications]
        if turn % 7 == 0 and "orders" in names:
            applications.pop(names.index("orders"))
        elif turn % 7 == 3 and "orders" not in names:
            applications.append(_application("orders", 0))
        one = self._random.choice(applications)
        one["values"]["podAnnotations"] = {"turn": str(turn)}
        if turn % 3 == 0:
            one["image"]["tag"] = TAGS[(100 + turn) % len(TAGS)]

    def _next(self) -> int:
        with self._lock:
            self._turn += 1
            return self._turn

    def _bootstrap(self) -> Document:
        half = len(self.environments) * 2 // 3
        clusters = [
            {"type": SERVED[0], "environments": self.environments[:half]},
            {"type": SERVED[1], "environments": self.environments[half:]},
            {"type": FOREIGN, "environments": ["far"]},
        ]
        spec = {"gitea": {"url": GITEA_URL, "organization": "platform"}, "clusters": clusters}
        return _claim("BootstrapClaim", "platform-system", "platform-bootstrap", spec)

    def _spare(self) -> Document:
        clusters = [{"type": SPARE, "environments": ["idle"]}]
        spec = {"gitea": {"url": GITEA_URL, "organization": SPARE}, "clusters": clusters}
        return _claim("BootstrapClaim", "platform-system", "spare", spec)

    def _application(self, environment: str) -> Document:
        number = self.environments.index(environment)
        spec = {
            **self._place(environment),
            "imagePolicy": "Digest" if number % 2 else "Tag",
            "applications": [_application(name, number) for name in ("shop", "users", "products", "orders")],
        }
        return _claim("ApplicationClaim", "dev", f"{environment}-apps", spec)

    def _platform(self, environment: str) -> Document:
        services = [{"name": name, "type": "internal", "values": {}} for name in ("rabbitmq", "postgres")]
        spec = {**self._place(environment), "services": services}
        return _claim("PlatformClaim", "platform-services", f"{environment}-platform", spec)

    def _place(self, environment: str) -> dict[str, Any]:
        half = len(self.environments) * 2 // 3
        served = SERVED[0] if environment in self.environments[:half] else SERVED[1]
        return {"clusterType": served, "environment": environment}


def _application(name: str, number: int) -> dict[str, Any]:
    return {
        "name": name,
        "chart": {"name": "user-service" if name == "users" else "ecommerce-platform"},
        "image": {"repository": f"ghcr.io/{IMAGES[name]}", "tag": TAGS[number]},
        "values": {"replicas": 1},
    }


def _claim(kind: str, namespace: str, name: str, spec: dict[str, Any]) -> Document:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
