"""Claims, people, strangers and faults in any order, against what must be true at rest and all the time."""

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.claims.meta import CONFIRM_REMOVAL, REMOVE_ENVIRONMENTS
from shared.events import ClaimRef, Event
from shared.git import Transaction
from shared.git.objects import encode_commit
from shared.oci import NotAllowed, Resolution, Resolved, TagMissing, Unavailable
from tests.stateful import specs
from tests.stateful.audit import Audit
from tests.stateful.cluster import KINDS, Change
from tests.stateful.oracle import Oracle
from tests.stateful.world import (
    FUNCTIONS,
    GITEA_URL,
    ORGANIZATION,
    STRANGER,
    SYSTEM,
    Crash,
    Plan,
    Process,
    World,
    claims_of,
)

ROUNDS = 8
"""Resyncs after which everything has settled, when nothing goes wrong any more."""
PLATFORM = ClaimRef("BootstrapClaim", SYSTEM, "platform")
_TENANTS = ("ApplicationClaim", "ApplicationClaim", "PlatformClaim", "InfrastructureClaim")

slots = st.integers(0, 1)
functions = st.sampled_from(FUNCTIONS)


class Convergence(RuleBasedStateMachine):
    """One run."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        Audit(self.world)
        self.registry({"gone": TagMissing("no such tag"), "private": NotAllowed("not a registry of ours")})

    def registry(self, outcomes: dict[str, Resolution]) -> None:
        """What the registry says of a tag, whatever the image."""
        for name in ("a", "b", "c", "d"):
            for tag, outcome in outcomes.items():
                self.world.registry.outcomes[f"ghcr.io/acme/{name}:{tag}"] = outcome

    @initialize(clusters=specs.clusters, content=specs.contents["ApplicationClaim"])
    def begin(self, clusters: list[Any], content: dict[str, Any]) -> None:
        """A platform, another installation's part of it, and a claim."""
        self.create_platform(clusters or [{"type": "nonprod", "environments": ["dev"]}])
        self.world.ping("BootstrapClaim", 0)
        self.world.stranger(
            lambda git: git.commit(
                {"environments/edge/far/applications/x/values.yaml": b"theirs", "root-apps/edge/a": b"b"}, "Theirs"
            )
        )
        self.world.cluster.create_claim(
            "ApplicationClaim", "team-a", "one", {"clusterType": "nonprod", "environment": "dev"} | content
        )

    # People.

    @precondition(lambda self: self.world.cluster.claim(PLATFORM) is None)
    @rule(clusters=specs.clusters)
    def create_platform(self, clusters: list[Any]) -> None:
        """The BootstrapClaim, also anew."""
        spec = {"gitea": {"url": GITEA_URL, "organization": ORGANIZATION}, "clusters": clusters}
        self.world.cluster.create_claim(PLATFORM.kind, PLATFORM.namespace, PLATFORM.name, spec)

    @precondition(lambda self: self.world.cluster.claim(PLATFORM) is not None)
    @rule(clusters=specs.clusters)
    def edit_platform(self, clusters: list[Any]) -> None:
        """Environments and types come and go."""
        found = self.world.cluster.claim(PLATFORM)
        assert found is not None
        self.world.cluster.edit_claim(PLATFORM, found["spec"] | {"clusters": clusters})

    @rule(
        kind=st.sampled_from(_TENANTS),
        namespace=st.sampled_from(specs.NAMESPACES),
        name=st.sampled_from(specs.NAMES),
        where=specs.places,
        data=st.data(),
    )
    def apply(self, kind: str, namespace: str, name: str, where: tuple[str, str], data: st.DataObject) -> None:
        """`kubectl apply` of a claim: made, or changed as far as it may be."""
        namespace = SYSTEM if kind == "InfrastructureClaim" else namespace
        ref = ClaimRef(kind, namespace, name)
        content = data.draw(specs.contents[kind])
        if (there := self.world.cluster.claim(ref)) is None:
            spec = {"clusterType": where[0], "environment": where[1]} | content
            self.world.cluster.create_claim(kind, namespace, name, spec)
        else:
            self.world.cluster.edit_claim(ref, there["spec"] | content)

    @rule(index=specs.indexes)
    def delete(self, index: int) -> None:
        """`kubectl delete` of any claim."""
        if ref := self.some_claim(index):
            self.world.cluster.delete_claim(ref)

    @rule(index=specs.indexes)
    def confirm(self, index: int) -> None:
        """A person does what the claim's status asks for."""
        asking = [ref for ref in claims_of(self.world) if self.status(ref).get("confirmation")]
        if asking:
            ref = asking[index % len(asking)]
            self.world.cluster.annotate(ref, CONFIRM_REMOVAL, self.status(ref)["confirmation"])

    @rule(index=specs.indexes, text=st.sampled_from(("remove-1-00000000", "yes", None)))
    def annotate_wrongly(self, index: int, text: str | None) -> None:
        """Or something else."""
        if ref := self.some_claim(index):
            self.world.cluster.annotate(ref, CONFIRM_REMOVAL, text)

    @precondition(lambda self: self.world.cluster.claim(PLATFORM) is not None)
    @rule(places=st.lists(specs.places, max_size=2), reported=st.booleans())
    def remove_environments(self, places: list[tuple[str, str]], reported: bool) -> None:
        """A person names environments to remove: those that are orphaned, or any."""
        orphans = self.status(PLATFORM).get("orphanedEnvironments") or []
        wish = orphans if reported else [f"{type_}/{name}" for type_, name in places]
        self.world.cluster.annotate(PLATFORM, REMOVE_ENVIRONMENTS, ",".join(wish) or None)

    @rule(outcome=st.sampled_from(("gone", "there", "down")), tag=st.sampled_from(specs.TAGS[:4]))
    def change_registry(self, outcome: str, tag: str) -> None:
        """Tags come, go and cannot be asked for."""
        said: dict[str, Resolution] = {
            "gone": TagMissing("no such tag"),
            "there": Resolved("sha256:" + "7" * 64),
            "down": Unavailable("the registry does not answer"),
        }
        self.registry({tag: said[outcome]})

    # Strangers.

    @rule(path=specs.paths, content=st.sampled_from((b"", b"theirs\n", b"other\n")))
    def stranger_writes(self, path: str, content: bytes) -> None:
        """A file of somebody else's, anywhere."""
        self.world.stranger(lambda git: git.commit({path: content}, f"Write {path}"))

    @rule(index=st.integers(0, 63), folder=st.integers(0, 3), content=st.none() | st.just(b"changed\n"))
    def stranger_changes(self, index: int, folder: int, content: bytes | None) -> None:
        """A file that is there, or a folder on the way to it, changed or gone."""
        bare = self.world.voltran
        files = sorted(bare.files()) if bare else []
        if files:
            parts = files[index % len(files)].split("/")
            path = "/".join(parts[: max(1, len(parts) - folder)])
            self.world.stranger(lambda git: git.commit({path: content}, f"Change {path}"))

    @rule(steps=st.integers(1, 6), pruned=st.booleans())
    def force_push_back(self, steps: int, pruned: bool) -> None:
        """History is taken back some commits, and the server may collect what is left over."""
        bare = self.world.voltran
        if bare and bare.head:
            history = bare.history()
            bare.move(history[min(steps, len(history) - 1)].sha, "stranger")
            if pruned:
                bare.prune()

    @rule(pruned=st.booleans())
    def squash(self, pruned: bool) -> None:
        """The same files with another history."""
        bare = self.world.voltran
        if bare and bare.head:
            tree = bare.revision(bare.head).tree
            data = encode_commit(tree, None, STRANGER, self.world.now(), "Squash\n")
            bare.move(bare.put("commit", data), "stranger")
            if pruned:
                bare.prune()

    @rule(pruned=st.booleans())
    def delete_branch(self, pruned: bool) -> None:
        """`main` is gone."""
        if self.world.voltran and self.world.voltran.head:
            self.world.voltran.move(None, "stranger")
            if pruned:
                self.world.voltran.prune()

    @rule(name=st.sampled_from(("voltran", "voltran", "charts", "platform-charts")))
    def delete_repository(self, name: str) -> None:
        """A repository is gone, and with it the commits that statuses name."""
        if self.world.server.repositories.pop(name, None):
            self.world.server.lost.add(name)

    # Events and processes.

    @rule(function=functions, slot=slots)
    def ping(self, function: str, slot: int) -> None:
        """A resync of one process."""
        self.world.ping(function, slot)

    @rule(back=st.integers(0, 3), slot=slots)
    def event(self, back: int, slot: int) -> None:
        """One of the last events of the source, once more or for the first time; what is not delivered is lost."""
        self.deliver(back, slot)

    @rule(back=st.integers(4, 40), slot=slots)
    def late_event(self, back: int, slot: int) -> None:
        """A stale one."""
        self.deliver(back, slot)

    @rule(function=functions, slot=slots)
    def news(self, function: str, slot: int) -> None:
        """The bootstrap or the platform function's reply gets to another function."""
        if self.world.told:
            self.world.send(function, slot, self.world.told[-1])

    @rule(back=st.integers(0, 2), function=functions, slot=slots)
    def delivery(self, back: int, function: str, slot: int) -> None:
        """Gitea's webhook, as it comes through the Broker."""
        bare = self.world.voltran
        if bare and back < len(bare.moves):
            self.world.send(function, slot, self.world.delivery(bare.moves[-1 - back]))

    @rule(function=functions, slot=slots, wiped=st.booleans())
    def restart(self, function: str, slot: int, wiped: bool) -> None:
        """A new process, with or without the old one's disk."""
        self.world.restart(function, slot, wiped=wiped)

    # What goes wrong, or happens in between.

    @rule(fault=specs.faults, after=specs.delays, times=st.sampled_from((1, 1, 2, 7)))
    def plan_fault(self, fault: tuple[str, Callable[[], Exception]], after: int, times: int) -> None:
        """A request fails, or its answer is lost."""

        def fail(_: Process) -> None:
            raise fault[1]()

        self.world.plans += [Plan(fault[0], after, fail) for _ in range(times)]

    @rule(step=specs.steps, after=specs.delays)
    def plan_crash(self, step: str, after: int) -> None:
        """A process is killed at the beginning of a step."""

        def kill(process: Process) -> None:
            process.dead = True
            raise Crash

        self.world.plans.append(Plan(f"step {step}", after, kill))

    @rule(point=st.sampled_from(["git push", "kube patch_status", "kube patch_metadata"]), done=st.booleans())
    def plan_crash_in_request(self, point: str, done: bool) -> None:
        """A process is killed while a request of its is served, or just before."""

        def kill(process: Process) -> None:
            process.dead = True
            raise Crash

        suffix = {"git push": "ed"}.get(point, " done") if done else ""
        self.world.plans.append(Plan(point + suffix, 0, kill))

    @rule(step=specs.steps, after=specs.delays, what=st.sampled_from(("push", "edit", "delete", "run")), data=st.data())
    def plan_race(self, step: str, after: int, what: str, data: st.DataObject) -> None:
        """Something happens between two steps: a stranger pushes, a claim changes, another process is faster."""
        index = data.draw(specs.indexes)
        actions: dict[str, Callable[[], None]] = {}
        if what == "push":
            path = data.draw(specs.paths)
            actions["push"] = lambda: self.world.stranger(lambda git: git.commit({path: b"raced\n"}, "Race"))
        elif what == "edit":
            content = {kind: data.draw(one) for kind, one in specs.contents.items()}
            actions["edit"] = lambda: self.edit_some(index, content)
        elif what == "delete":
            actions["delete"] = lambda: self.delete(index)
        else:
            function, slot = data.draw(functions), data.draw(slots)
            actions["run"] = lambda: self.world.ping(function, slot)
        self.world.plans.append(Plan(f"step {step}", after, lambda _: actions[what]()))

    # Rest.

    @rule(newest=st.booleans())
    def rest(self, newest: bool) -> None:
        """The faults stop. Resyncs alone put everything right."""
        self.settle(1 if newest else 0)

    def teardown(self) -> None:
        """Every run ends at rest."""
        self.settle(0)

    @invariant()
    def nothing_forbidden_happened(self) -> None:
        """Neither at a push nor at the end of a claim."""
        assert not self.world.violations, self.world.violations

    def settle(self, slot: int) -> None:
        """Processes that have seen all of it converge, and new ones find nothing to do."""
        world = self.world
        world.plans.clear()
        for _ in range(ROUNDS):
            before = self.state()
            self.resync(slot)
            if world.voltran and world.voltran.is_rewritten:
                self.resync(1 - slot)  # only who knew the history before may see that it is another one
            if self.state() == before:
                break
        else:
            raise AssertionError(f"still at work after {ROUNDS} resyncs: {self.complaints()}")
        assert not self.complaints(), f"the old processes: {self.complaints()}"
        before = self.state()
        self.resync(1 - slot)
        assert self.state() == before, f"the other old processes found something to do: {self.complaints()}"
        for function in FUNCTIONS:
            for number in range(2):
                world.restart(function, number, wiped=bool(number))
        self.resync(1)
        assert self.state() == before, f"new processes found something to do: {self.complaints()}"

    def resync(self, slot: int) -> None:
        for function in FUNCTIONS:
            self.world.ping(function, slot)
        self.nothing_forbidden_happened()

    def complaints(self) -> list[str]:
        return Oracle(self.world).complaints()

    def state(self) -> object:
        """Everything that the functions write."""
        heads = {name: dict(bare.refs) for name, bare in self.world.server.repositories.items()}
        return heads, self.world.cluster.writes

    # Where to find things.

    def some_claim(self, index: int) -> ClaimRef | None:
        refs = claims_of(self.world)
        return refs[index % len(refs)] if refs else None

    def status(self, ref: ClaimRef) -> dict[str, Any]:
        found = self.world.cluster.claim(ref)
        return dict((found or {}).get("status") or {})

    def edit_some(self, index: int, content: dict[str, Any]) -> None:
        refs = [ref for ref in claims_of(self.world) if ref.kind in content]
        if refs:
            ref = refs[index % len(refs)]
            found = self.world.cluster.claim(ref)
            assert found is not None
            self.world.cluster.edit_claim(ref, found["spec"] | copy.deepcopy(content[ref.kind]))

    def deliver(self, back: int, slot: int) -> None:
        changes: list[Change] = self.world.cluster.changes
        if back < len(changes):
            change = changes[-1 - back]
            if change.document["kind"] in KINDS:
                self.world.deliver(change, slot)


__all__ = ["Convergence", "Event", "Transaction"]
