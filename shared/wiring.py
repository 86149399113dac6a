"""What the three `main.py` have in common: the collaborators that every function builds from its settings."""

import functools
import re
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from flask import Request, Response

from shared.admission import Admission
from shared.argocd import Layout, ValueFiles
from shared.attempt import Kind, Trace
from shared.claims.meta import Claim
from shared.deploying import Ancestry, ArgoCD, LastMile
from shared.events import WAKE_UPS, Event
from shared.follower import Deploys, Follower
from shared.git import Author, Remote, Repository
from shared.gitea import Gitea
from shared.identity import senders
from shared.kube import Kube, connect
from shared.memory import Memory
from shared.provenance import REPOSITORY
from shared.reconciler import Handler, Reconciler
from shared.removal import Limits
from shared.rendering.gate import Gate
from shared.rendering.sources import Puller, Sources
from shared.settings import Settings
from shared.telemetry import Metrics
from shared.tracing import Tracing
from shared.voltran import Voltran
from shared.web import Endpoint, Reply

ClaimT = TypeVar("ClaimT", bound=Claim)
React = Callable[[Event], Reply | None]


class Wiring:
    """The clients of one process, made once, without a request to anybody.

    `trace` is told of every step as it begins; nobody listens in production.
    """

    def __init__(self, settings: Settings, trace: Trace = lambda _: None) -> None:
        self.settings = settings
        self.memory = Memory()
        self.tracing = Tracing.to(settings.traces_endpoint, f"infraforge-{settings.function}")
        self._told = trace
        self._notes: dict[str, Callable[[], str]] = {}
        self.metrics = Metrics()
        self.kube: Kube = connect(settings.kubeconfig, timeout=settings.timeout)
        self.gitea = Gitea(
            settings.gitea_endpoint,
            settings.gitea_secret,
            timeout=settings.timeout,
            authorities=settings.gitea_ca_file,
        )
        self.repository: Callable[[str, str], Repository] = functools.cache(self._repository)
        self.voltran = Voltran(
            lambda organization: self.repository(organization, REPOSITORY),
            self.gitea,
            gitea_url=settings.gitea_url,
            metrics=self.metrics,
            memory=self.memory,
            pause=time.sleep,
            together=settings.max_waiting,
            trace=self._trace,
            tracing=self.tracing,
        )
        self.last_mile = LastMile(
            ArgoCD(self.kube, settings.argocd_namespace),
            Ancestry(lambda organization: self.repository(organization, REPOSITORY)),
            pause=time.sleep,
        )

    def _trace(self, step: str) -> None:
        self._told(step)
        self.tracing.step(step)

    def admission(self, *, operators_only: bool = False) -> Admission:
        """The rules that a claim of an environment is held against; of one that only operators make, if it is so."""
        settings = self.settings
        return Admission(
            self.kube,
            gitea_url=settings.gitea_url,
            system_namespace=settings.system_namespace,
            cluster_types=settings.cluster_types,
            environment_namespaces=settings.environment_namespaces,
            operators_only=operators_only,
        )

    def layout(self, value_files: ValueFiles = "ref") -> Layout:
        """The addresses that go into Git."""
        return Layout(self.settings.gitea_url, self.settings.argocd_namespace, value_files)

    def gate(self, registries: Puller | None = None) -> Gate:
        """The render gate; without `registries` it says nothing of charts that are in one."""
        own = {"charts": self.settings.charts_dir, "platform-charts": self.settings.platform_charts_dir}
        gate = Gate.build(Sources(self.repository, registries, embedded=own))
        self._notes["render gate"] = gate.describe
        return gate

    def limits(self) -> Limits:
        """What a change may remove unasked."""
        return Limits(self.settings.removal_limit, self.settings.removal_share)

    def reactor(self, kind: Kind[ClaimT], handler: Handler[ClaimT], deploys: Deploys[ClaimT] | None = None) -> React:
        """What becomes of an event as far as one kind is concerned; `deploys` where ArgoCD is followed."""
        reconciler = Reconciler(
            kind,
            self.kube,
            handler,
            memory=self.memory,
            metrics=self.metrics,
            pause=time.sleep,
            trace=self._trace,
            tracing=self.tracing,
        )
        if deploys is None:
            return reconciler.react
        follower = Follower(kind, self.kube, deploys, reconciler, memory=self.memory, metrics=self.metrics)

        def react(event: Event) -> Reply | None:
            reply = reconciler.react(event) or follower.react(event)
            if event.type in WAKE_UPS:
                follower.resync(event)
            return reply

        return react

    def endpoint(
        self,
        *reactors: React,
        routes: Mapping[tuple[str, str], Callable[[Request, bytes], Response]] | None = None,
    ) -> Endpoint:
        """The function's HTTP interface, with what reacts to events behind it, each of which hears all of them."""

        def react(event: Event) -> Reply | None:
            replies = [reply for one in reactors if (reply := one(event)) is not None]
            return replies[0] if replies else None

        return Endpoint(
            react=react,
            pings=self.pings(),
            metrics=self.metrics,
            body_limit=self.settings.body_limit,
            max_waiting=self.settings.max_waiting,
            routes=routes or {},
            notes=self._notes,
            tracing=self.tracing,
            verify=senders(self.settings, self.kube),
        )

    def pings(self) -> dict[str, Callable[[], None]]:
        """The dependencies that `/readyz` asks after."""
        return {"kubernetes": self.kube.ping, "gitea": self.gitea.ping}

    def _repository(self, organization: str, name: str) -> Repository:
        settings = self.settings
        if not re.fullmatch(r"[A-Za-z0-9._-]+", organization):
            raise ValueError("an organization's name is checked where a claim is read")
        return Repository(
            settings.cache_dir / organization / f"{name}.git",
            Remote(f"{settings.gitea_endpoint}/{organization}/{name}.git", authorities=settings.gitea_ca_file),
            token=settings.gitea_secret,
            author=Author(settings.author_name, settings.author_email),
            timeout=settings.timeout,
        )
