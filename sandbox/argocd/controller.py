"""ArgoCD's controllers put together: watches that tell of changes, agendas of what to look at, threads that look."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Self

from sandbox.argocd.agenda import Agenda
from sandbox.argocd.api import APPLICATION, APPLICATION_SET, CONFLICT, PROJECT, SECRET, Api, ApiError, Json, Kind
from sandbox.argocd.applications import Applications, Level
from sandbox.argocd.charts import ChartRegistry
from sandbox.argocd.comparison import tracking_of
from sandbox.argocd.credentials import SECRET_TYPE, Login, login
from sandbox.argocd.generated import owner_of
from sandbox.argocd.manifests import Manifests
from sandbox.argocd.operations import Operations
from sandbox.argocd.projects import default_project
from sandbox.argocd.recorder import Recorder
from sandbox.argocd.repositories import Addresses, Repositories
from sandbox.argocd.sets import APPLICATION_REFRESH, REFRESH, Sets
from sandbox.argocd.store import Key, Store
from sandbox.argocd.sync import Syncer
from sandbox.argocd.templates import Templates
from sandbox.argocd.writing import Writer
from sandbox.source.kubeconfig import Cluster
from shared.helm import Engine

POLL: Final = 180.0

_WORKERS: Final = 2
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 30.0
_REMEMBERED: Final = 0.9
"""Of a poll interval: so that a poll never works on what the one before heard."""
_JOIN: Final = 10.0
_NOISE: Final = frozenset({"resourceVersion", "managedFields", "generation"})

log = logging.getLogger(__name__)


class EngineMissing(Exception):
    """Helm's engine is not installed, without which there is nothing to deploy."""


@dataclass(frozen=True)
class Settings:
    """What an ArgoCD works on. `mirrors` is registry host → address to connect to; `poll` is in seconds."""

    cluster: Cluster
    folder: Path
    addresses: Addresses
    namespace: str = "argocd"
    mirrors: dict[str, str] = field(default_factory=dict)
    poll: float = POLL


class ArgoCD:
    """An ArgoCD at work, from `start` to `stop`; also a context manager. Raises `EngineMissing` and `ApiError`."""

    def __init__(self, settings: Settings) -> None:
        engine = Engine.load()
        if engine is None:
            raise EngineMissing("Helm's engine is not installed: pip install helm-python-sdk")
        self.settings = settings
        self._sets_due: Agenda[Key] = Agenda()
        self._applications_due: Agenda[Key] = Agenda()
        self._failures: dict[tuple[str, Key], int] = {}
        self.api = Api(settings.cluster)
        self.store = Store(self.api, self._on_change)
        self._repositories = Repositories(
            settings.folder, settings.addresses, self._login, remembered=_REMEMBERED * settings.poll
        )
        self._registry = ChartRegistry(settings.mirrors, self._login)
        self._engine = engine
        self._threads: list[threading.Thread] = []
        self._applications: Applications | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Watch and work; returns when the first lists are here."""
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        manifests = Manifests(self._repositories, self._registry, self._engine, version=self.api.version())
        recorder = Recorder(self.api, "argocd-application-controller")
        writer = Writer(self.api, self.store)
        applications = Applications(
            api=self.api,
            store=self.store,
            manifests=manifests,
            operations=Operations(self.api, self.store, manifests, Syncer(self.api, self.store), recorder, writer),
            recorder=recorder,
            writer=writer,
            poll=self.settings.poll,
            again=self._applications_due.add,
        )
        self._applications = applications
        sets = Sets(
            self.api,
            self.store,
            self._repositories,
            Templates(self._engine),
            Recorder(self.api, "applicationset-controller"),
        )
        self._follow()
        self._work("sets", self._sets_due, partial(self._reconcile_set, sets))
        for _ in range(_WORKERS):
            self._work("applications", self._applications_due, applications.reconcile)

    def stop(self) -> None:
        """End every thread and connection."""
        self._sets_due.close()
        self._applications_due.close()
        for thread in self._threads:
            thread.join(_JOIN)
        self.store.stop()
        self.api.close()
        self._repositories.close()
        self._registry.close()

    @property
    def problems(self) -> list[str]:
        """What keeps it from being ready: the watches that are not open."""
        return self.store.shut()

    @property
    def idle(self) -> bool:
        """Whether nothing is to be looked at just now."""
        return self._sets_due.idle and self._applications_due.idle

    def _follow(self) -> None:
        namespace = self.settings.namespace
        self.store.follow(PROJECT, namespace)
        self.store.follow(SECRET, namespace, labels=SECRET_TYPE)
        self._ensure_default_project(namespace)
        kinds = set()
        for application in self.api.list(APPLICATION.path(namespace), {}).get("items") or []:
            for one in (application.get("status") or {}).get("resources") or []:
                kinds.add((one.get("group", ""), one["kind"]))
        self.store.follow(APPLICATION_SET, namespace)
        for group, kind in sorted(kinds):
            if found := self.api.kind(group, kind):
                self.store.follow(found)
        self.store.follow(APPLICATION, namespace)

    def _ensure_default_project(self, namespace: str) -> None:
        try:
            self.api.create(PROJECT, default_project(namespace))
        except ApiError as error:
            if error.code != CONFLICT:
                log.warning("the default project was not made: %s", error)

    def _login(self, url: str) -> Login | None:
        return login(self.store.objects(SECRET, labels=SECRET_TYPE), url)

    def _on_change(self, kind: Kind, old: Json | None, new: Json | None) -> None:
        about = new or old or {}
        key = (about["metadata"].get("namespace", ""), about["metadata"]["name"])
        if kind == APPLICATION:
            if self._applications is not None and new is not None and _wished(old, new):
                self._applications.noticed(key)
            self._applications_due.add(key)
            self._wake_owner(old, new)
        elif kind == APPLICATION_SET and new is not None and _set_changed(old, new):
            self._sets_due.add(key)
        elif kind == PROJECT:
            self._wake_project(key[1])
        if kind not in (PROJECT, SECRET) and _told(old) != _told(new):
            for one in (old, new):
                self._wake_manager(one)

    def _wake_owner(self, old: Json | None, new: Json | None) -> None:
        """A set looks at what others did to its Applications, but not at their status, and not at their birth."""
        about = new or old or {}
        owners = {owner_of(one) for one in (old, new) if one is not None} - {None}
        if old is None or (new is not None and _owned_part(old) == _owned_part(new)):
            return
        for name in owners:
            self._sets_due.add((about["metadata"]["namespace"], str(name)))

    def _wake_project(self, name: str) -> None:
        for application in self.store.objects(APPLICATION):
            if application["spec"].get("project") == name:
                self._want(application, Level.LATEST)

    def _wake_manager(self, changed: Json | None) -> None:
        """The Application that an object is tracked by compares itself anew."""
        name = tracking_of(changed).partition(":")[0] if changed else ""
        if application := name and self.store.get(APPLICATION, self.settings.namespace, name):
            self._want(application, Level.RECENT)

    def _want(self, application: Json, level: Level) -> None:
        key = (application["metadata"]["namespace"], application["metadata"]["name"])
        if self._applications is not None:
            self._applications.want(key, level)
            self._applications_due.add(key)

    def _reconcile_set(self, sets: Sets, key: Key) -> None:
        if sets.reconcile(key):
            self._sets_due.add(key, self.settings.poll)

    def _work(self, name: str, agenda: Agenda[Key], reconcile: Callable[[Key], None]) -> None:
        thread = threading.Thread(target=self._loop, args=(name, agenda, reconcile), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _loop(self, name: str, agenda: Agenda[Key], reconcile: Callable[[Key], None]) -> None:
        while (key := agenda.take()) is not None:
            try:
                reconcile(key)
                self._failures.pop((name, key), None)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other keys must go on
                self._retry(name, agenda, key, error)
            finally:
                agenda.done(key)

    def _retry(self, name: str, agenda: Agenda[Key], key: Key, error: Exception) -> None:
        count = self._failures.get((name, key), 0) + 1
        self._failures[name, key] = count
        if isinstance(error, ApiError):
            log.warning("%s %s/%s: %s", name, *key, error)
        else:
            log.error("%s %s/%s: a fault of its own", name, *key, exc_info=error)
        agenda.add(key, min(_FIRST_PAUSE * 2 ** min(count - 1, 10), _LONGEST_PAUSE))


def _set_changed(old: Json | None, new: Json) -> bool:
    """Whether a set is to be looked at: it is new, or what it says has changed, or somebody wishes so."""
    if old is None or old.get("spec") != new.get("spec"):
        return True
    return REFRESH in (new["metadata"].get("annotations") or {}) and REFRESH not in (
        old["metadata"].get("annotations") or {}
    )


def _wished(old: Json | None, new: Json) -> bool:
    """Whether an Application is new or another one, or was wished a refresh."""
    if old is None or old.get("spec") != new.get("spec"):
        return True
    wishes = [(one["metadata"].get("annotations") or {}).get(APPLICATION_REFRESH) for one in (old, new)]
    return wishes[1] is not None and wishes[0] != wishes[1]


def _owned_part(application: Json) -> Json:
    """What a set decides about its Application."""
    names = ("labels", "annotations", "finalizers", "ownerReferences", "deletionTimestamp")
    metadata = {name: application["metadata"].get(name) for name in names}
    return {"metadata": metadata, "spec": application.get("spec")}


def _told(document: Json | None) -> Json | None:
    """What of an object can matter to a comparison: all but what every write changes."""
    if document is None:
        return None
    return {
        **document,
        "metadata": {key: value for key, value in document["metadata"].items() if key not in _NOISE},
    }
