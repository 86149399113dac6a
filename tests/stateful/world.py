"""The three functions as processes around one cluster and one Git server, and what befalls them on the way."""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from functions.application.handler import ApplicationHandler
from functions.bootstrap import charts
from functions.bootstrap.handler import BootstrapHandler
from functions.bootstrap.infrastructure import InfrastructureHandler
from functions.bootstrap.settings import BootstrapSettings
from functions.platform.handler import PlatformHandler
from shared.admission import Admission
from shared.argocd import Layout
from shared.errors import InfraForgeError
from shared.events import PING, ClaimRef, Delivery, Event, parse
from shared.git import Author, Repository, Transaction
from shared.git.objects import Stored
from shared.memory import Memory
from shared.provenance import REPOSITORY
from shared.reconciler import Handler, Reconciler
from shared.removal import Limits
from shared.telemetry import Metrics
from shared.voltran import Voltran
from tests.fakes import FakeRegistry, last_mile
from tests.stateful.cluster import KINDS, Change, Cluster, Connection
from tests.stateful.gitea import MemoryGitea
from tests.stateful.repository import MemoryCache, MemoryConnection, MemoryRepository, Server
from tests.stateful.server import Bare, Move

ROOT: Final = Path(__file__).resolve().parents[2]
GITEA_URL: Final = "http://gitea-http.gitea.svc:3000"
ORGANIZATION: Final = "platform"
SYSTEM: Final = "platform-system"
SERVED: Final = frozenset({"nonprod", "prod"})
FUNCTIONS: Final = tuple(KINDS)
OURS: Final = Author("InfraForge", "infraforge@example.com")
STRANGER: Final = Author("Mallory", "mallory@example.com")
LIMITS: Final = Limits()
_BEGIN: Final = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
_PUSH_PAYLOAD: Final = 5
"""Commits that Gitea lists in a delivery at most."""


class Crash(BaseException):
    """The process was killed: nothing in it runs on, and nothing in it catches this."""


@dataclass
class Plan:
    """What happens when the `after`-th next process gets to `point`."""

    point: str
    after: int
    action: "Callable[[Process], None]"


@functools.cache
def _charts(name: str) -> charts.Charts:
    return charts.read(ROOT / name)


@dataclass
class World:
    """Everything there is, and the processes that look at it."""

    cluster: Cluster = field(default_factory=Cluster)
    server: Server = field(default_factory=Server)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    plans: list[Plan] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    """Replies of the bootstrap function, which the Broker has not delivered."""
    on_push: Callable[[Bare, Move], None] = lambda *_: None
    running: "list[Process]" = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What happened and must not: see `audit`."""
    trees: dict[str, dict[str, str]] = field(default_factory=dict)
    """Commit → files, of all that the functions ever pushed, also of what strangers have taken out of main since."""

    def __post_init__(self) -> None:
        self.layout = Layout(GITEA_URL, "argocd")
        self.gitea = MemoryGitea(self.server, ORGANIZATION, lambda _: None)
        self._ids = itertools.count(1)
        self._seconds = itertools.count()
        self._heard = 0
        self._moves = 0
        self.disks: dict[tuple[str, int, str], dict[str, Stored]] = {}
        self.processes: dict[tuple[str, int], Process] = {}
        for name, slot in itertools.product(FUNCTIONS, range(2)):
            self.restart(name, slot)

    @property
    def voltran(self) -> Bare | None:
        """The repository, unless somebody deleted it."""
        return self.server.repositories.get(REPOSITORY)

    def now(self) -> datetime:
        """A clock that goes on: of two commits of one second Gitea's answers do not say which came first."""
        return _BEGIN + timedelta(seconds=next(self._seconds))

    def restart(self, name: str, slot: int, *, wiped: bool = False) -> "Process":
        """Kill the process if it runs, and start another one, on the disk that the old one left or on an empty one."""
        if wiped:
            self.disks = {key: disk for key, disk in self.disks.items() if key[:2] != (name, slot)}
        old = self.processes.get((name, slot))
        if old is not None:
            old.dead = True
        self.processes[name, slot] = Process(self, name, slot)
        return self.processes[name, slot]

    def changes(self) -> Sequence[Change]:
        """What the event source saw, the oldest first."""
        return self.cluster.changes

    def ping(self, name: str, slot: int) -> None:
        """The function's share of a tick of the PingSource."""
        self.send(name, slot, Event(self.next_id(), PING))

    def deliver(self, change: Change, slot: int) -> None:
        """An event of a claim's, to the function of its kind."""
        self.send(change.document["kind"], slot, change.event(self.next_id()))

    def send(self, name: str, slot: int, event: Event) -> None:
        """One request to one process. What it cannot do now it is asked again, or not: see the rules."""
        process = self.processes[name, slot]
        if process in self.running:
            return
        self.running.append(process)
        try:
            reply = process.reconciler.react(event)
        except Crash:
            self.restart(name, slot)
        except InfraForgeError as error:
            process.last = error
        else:
            process.last = None
            if reply is not None:
                self.told.append(replace(parse(*reply), id=self.next_id()))
        finally:
            self.running.remove(process)

    def next_id(self) -> str:
        return f"event-{next(self._ids)}"

    def reach(self, process: "Process", point: str) -> None:
        """A process gets to a point: what was planned for it happens."""
        if process.dead:
            raise Crash
        for plan in list(self.plans):
            if plan.point == point:
                if plan.after:
                    plan.after -= 1
                    continue
                self.plans.remove(plan)
                plan.action(process)

    def stranger(self, change: Callable[[Transaction], object]) -> None:
        """A push by somebody else, onto what is there."""
        if self.voltran is None:
            return
        connection = MemoryConnection(self.server, REPOSITORY, "stranger", lambda *_: None)
        cache = MemoryCache(self.server, REPOSITORY, {}, lambda *_: None)
        with MemoryRepository(connection, cache, STRANGER, self.now).transaction() as git:
            change(git)
            git.push()

    def delivery(self, move: Move) -> Event:
        """What Gitea tells of a push or of a deleted branch."""
        name = f"{ORGANIZATION}/{REPOSITORY}"
        bare, zeros = self.voltran, "0" * 40
        messages: list[str] = []
        if bare is not None and move.after in bare.objects:
            for one in bare.history(move.after):
                if one.sha == move.before:
                    break
                messages.append(one.message)
        delivery = Delivery(
            name,
            ref="refs/heads/main" if move.after else "main",
            before=move.before or zeros,
            after=move.after or zeros,
            messages=tuple(messages[:_PUSH_PAYLOAD]) if move.before else (),
            total=len(messages) if move.before else 0,
        )
        return Event(self.next_id(), f"io.infraforge.gitea.{'push' if move.after else 'delete'}", delivery=delivery)


class Process:
    """One process of one function: its own memory and cache, and a connection to everything else."""

    def __init__(self, world: World, name: str, slot: int) -> None:
        self.world = world
        self.name = name
        self.slot = slot
        self.dead = False
        self.last: InfraForgeError | None = None
        self._repositories: dict[str, Repository] = {}
        kube = Connection(world.cluster, lambda verb, _: self._reach(f"kube {verb}"))
        gitea = world.gitea.seen_by(lambda verb: self._reach(f"gitea {verb}"))
        memory = Memory()
        voltran = Voltran(
            lambda organization: self._repository(organization, REPOSITORY),
            gitea,
            gitea_url=GITEA_URL,
            metrics=_metrics(),
            memory=memory,
            pause=lambda _: None,
            together=1,
            trace=self._step,
        )
        self.reconciler: Reconciler[Any] = _InTurn(
            KINDS[name],
            kube,
            self._handler(kube, gitea, voltran),
            memory=memory,
            metrics=_metrics(),
            pause=lambda _: None,
            trace=self._step,
            now=world.now,
        )

    def _handler(self, kube: Connection, gitea: MemoryGitea, voltran: Voltran) -> Handler[Any]:
        admission = Admission(
            kube,
            gitea_url=GITEA_URL,
            system_namespace=SYSTEM,
            cluster_types=SERVED,
            environment_namespaces={},
            operators_only=self.name == "InfrastructureClaim",
        )
        layout = self.world.layout
        if self.name == "BootstrapClaim":
            return BootstrapHandler(
                _bootstrap_settings(),
                kube=kube,
                gitea=gitea,
                repository=self._repository,
                voltran=voltran,
                last_mile=last_mile(kube),
                charts=_charts("charts"),
                platform_charts=_charts("platform-charts"),
            )
        if self.name == "ApplicationClaim":
            return ApplicationHandler(
                admission=admission,
                kube=kube,
                voltran=voltran,
                limits=LIMITS,
                last_mile=last_mile(kube, lambda organization: self._repository(organization, "voltran")),
                resolve_all=self.world.registry,
                layout=layout,
            )
        if self.name == "InfrastructureClaim":
            return InfrastructureHandler(
                admission=admission,
                voltran=voltran,
                limits=LIMITS,
                last_mile=last_mile(kube, lambda organization: self._repository(organization, "voltran")),
                kube=kube,
                layout=layout,
                system_namespaces=frozenset({SYSTEM, "argocd"}),
                bound={},
            )
        return PlatformHandler(
            admission=admission,
            voltran=voltran,
            limits=LIMITS,
            last_mile=last_mile(kube, lambda organization: self._repository(organization, "voltran")),
            kube=kube,
            layout=layout,
        )

    def _repository(self, organization: str, name: str) -> Repository:
        assert organization == ORGANIZATION
        if name not in self._repositories:
            disk = self.world.disks.setdefault((self.name, self.slot, name), {})
            connection = MemoryConnection(self.world.server, name, "functions", self._git)
            cache = MemoryCache(self.world.server, name, disk, self._git)
            self._repositories[name] = MemoryRepository(connection, cache, OURS, self.world.now)
        return self._repositories[name]

    def _git(self, verb: str, name: str) -> None:
        if verb == "pushed" and name == REPOSITORY and self.world.voltran:
            self.world.on_push(self.world.voltran, self.world.voltran.moves[-1])
        self._reach(f"git {verb}")

    def _step(self, step: str) -> None:
        self._reach(f"step {step}")

    def _reach(self, point: str) -> None:
        self.world.reach(self, point)


class _InTurn(Reconciler[Any]):
    """Claims one after another, so that the same rules make the same run."""

    def _all(self, refs: Any, event: Event) -> Any:
        failures: list[Exception] = []
        reply = None
        for ref in refs:
            try:
                reply = self.reconcile(ref, Event(event.id, event.type)) or reply
            except InfraForgeError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return reply


@functools.cache
def _metrics() -> Metrics:
    return Metrics()


@functools.cache
def _bootstrap_settings() -> BootstrapSettings:
    return BootstrapSettings(
        gitea_token=SecretStr("token-of-the-functions"),
        argocd_token=SecretStr("token-of-argocd"),
        webhook_url="http://bootstrap.example:8080",
        webhook_secret=SecretStr("s3cret"),
        cluster_types=SERVED,
    )


def claims_of(world: World) -> list[ClaimRef]:
    """Every claim that is there."""
    return [
        ClaimRef(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) for one in world.cluster.claims()
    ]
