"""The ApplicationSet controller: what a set generates becomes Applications, and what it says of itself its status.

The order of its writes is the recorded one: Applications, `status.resources`, the refresh annotation (taken off by an
update of the whole set, which writes the empty template of a git generator out), conditions last.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from sandbox.argocd import set_status
from sandbox.argocd.api import APPLICATION, APPLICATION_SET, CONFLICT, PROJECT, Api, ApiError, Json
from sandbox.argocd.documents import difference, merged
from sandbox.argocd.generated import EMPTY_STATUS, finished, overlaid, owner_of
from sandbox.argocd.generators import GIT, Generated, GeneratorFailed, Generators
from sandbox.argocd.recorder import Recorder
from sandbox.argocd.repositories import Repositories
from sandbox.argocd.store import Key, Store
from sandbox.argocd.templates import TemplateFailed, Templates, refill, strings

REFRESH: Final = "argocd.argoproj.io/application-set-refresh"
APPLICATION_REFRESH: Final = "argocd.argoproj.io/refresh"

_KEPT_ANNOTATIONS: Final = (APPLICATION_REFRESH, "argocd.argoproj.io/hydrate", "notified.notifications.argoproj.io")
_EMPTY_TEMPLATE: Final = {"metadata": {}, "spec": {"destination": {}, "project": ""}}
_UPDATES: Final = ("sync", "create-update", "create-delete", "create-only")
_TRIES: Final = 5

log = logging.getLogger(__name__)


class SetFailed(Exception):
    """A set cannot be followed; the text and `reason` are those of its conditions."""

    def __init__(self, reason: str, message: str, *, generated: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.generated = generated


@dataclass(frozen=True)
class Sets:
    """Reconciles sets, one call a set; raises `ApiError` when the API server is in the way."""

    api: Api
    store: Store
    repositories: Repositories
    templates: Templates
    recorder: Recorder

    def reconcile(self, key: Key) -> bool:
        """Bring the Applications of a set to what it generates now; True when the next poll is to look again."""
        live = self.store.get(APPLICATION_SET, *key)
        if live is None or "deletionTimestamp" in live["metadata"]:
            return False
        refresh = REFRESH in (live["metadata"].get("annotations") or {})
        try:
            desired = self._generate(live, anew=refresh)
            self._check(live, desired)
            created = self._carry_out(live, desired)
        except SetFailed as failure:
            self._tell(key, set_status.failed(failure.reason, str(failure), generated=failure.generated))
            return True
        self._tell_resources(live, created)
        if refresh:
            self._consume(live)
        self._tell(key, set_status.up_to_date())
        return True

    def _generate(self, live: Json, *, anew: bool) -> list[Json]:
        spec = live["spec"]
        if not spec.get("goTemplate"):
            reason = "ApplicationGenerationFromParamsError"
            raise SetFailed(reason, "the sandbox's ArgoCD covers sets with goTemplate: true only")
        options = spec.get("goTemplateOptions") or []
        generators = Generators(self.repositories, self.templates, options, anew)
        try:
            found = []
            for generator in spec.get("generators") or []:
                self._check_project(live, generator)
                found += generators.generate(generator)
        except (GeneratorFailed, KeyError) as error:
            raise SetFailed("ApplicationGenerationFromParamsError", str(error)) from error
        except TemplateFailed as error:
            raise SetFailed("RenderTemplateParamsError", str(error)) from error
        try:
            return self._applications(live, found, options)
        except (TemplateFailed, yaml.YAMLError) as error:
            raise SetFailed("RenderTemplateParamsError", str(error)) from error

    def _check_project(self, live: Json, generator: Json) -> None:
        """A git generator looks at the project, which may want signed commits."""
        name = (live["spec"]["template"].get("spec") or {}).get("project", "")
        namespace = live["metadata"]["namespace"]
        if GIT in generator and "{{" not in name and self.store.get(PROJECT, namespace, name) is None:
            raise GeneratorFailed(f'error getting project {name}: AppProject.argoproj.io "{name}" not found')

    def _applications(self, live: Json, found: Sequence[Generated], options: Sequence[str]) -> list[Json]:
        spec = live["spec"]
        patch = spec.get("templatePatch", "")
        templates = [overlaid(spec["template"], one.template) for one in found]
        jobs = [
            (text, one.params)
            for template, one in zip(templates, found, strict=True)
            for text in [*strings(template), *([patch] if patch else [])]
        ]
        texts = iter(self.templates.execute(jobs, options))
        applications = []
        for template in templates:
            application = refill(template, texts)
            if patch and (wanted := yaml.safe_load(next(texts))):
                application = merged(application, wanted)
            applications.append(finished(live, application))
        return applications

    def _check(self, live: Json, desired: list[Json]) -> None:
        """Leave out what is not valid; raises afterwards only if nothing is left of the set's meaning."""
        name, problems = live["metadata"]["name"], {}
        seen: set[str] = set()
        for application in desired:
            called, project = application["metadata"]["name"], application["spec"].get("project", "")
            if called in seen:
                problems[called] = f"ApplicationSet {name} contains applications with duplicate name: {called}"
            elif self.store.get(PROJECT, live["metadata"]["namespace"], project) is None:
                problems[called] = f"application references project {project} which does not exist"
            seen.add(called)
        if problems:
            valid = [one for one in desired if one["metadata"]["name"] not in problems]
            self._create_or_update(live, valid)
            raise SetFailed("ApplicationValidationError", next(iter(problems.values())), generated=True)

    def _carry_out(self, live: Json, desired: list[Json]) -> list[Json]:
        """Follow the set's policy; the Applications that are new."""
        policy = (live["spec"].get("syncPolicy") or {}).get("applicationsSync", "sync")
        if policy not in _UPDATES:
            raise SetFailed("ApplicationValidationError", f"unknown applicationsSync policy {policy}", generated=True)
        created = self._create_or_update(live, desired, update=policy in ("sync", "create-update"))
        if policy in ("sync", "create-delete"):
            self._delete_others(live, {one["metadata"]["name"] for one in desired})
        return created

    def _create_or_update(self, live: Json, desired: list[Json], *, update: bool = True) -> list[Json]:
        """Every Application is tried; the first problem is the set's. Returns those that are new."""
        first: SetFailed | None = None
        created = []
        for application in desired:
            metadata = application["metadata"]
            found = self.store.get(APPLICATION, metadata["namespace"], metadata["name"])
            try:
                if found is None:
                    created.append(self._create(live, application))
                elif update:
                    self._update(live, found, application)
            except SetFailed as failure:
                first = first or failure
        if first:
            raise first
        return created

    def _create(self, live: Json, application: Json) -> Json:
        try:
            written = self.api.create(APPLICATION, application | {"status": EMPTY_STATUS})
        except ApiError as error:
            if error.code == CONFLICT or not error.code:
                raise
            raise SetFailed("CreateApplicationError", str(error), generated=True) from error
        self.recorder.normal(live, "created", f'created Application "{application["metadata"]["name"]}"')
        return written

    def _update(self, live: Json, found: Json, application: Json) -> None:
        metadata, known = application["metadata"], found["metadata"]
        owner = next((one for one in known.get("ownerReferences") or [] if one.get("controller")), None)
        if owner and (owner["kind"], owner["name"]) != (APPLICATION_SET.kind, live["metadata"]["name"]):
            raise SetFailed(
                "UpdateApplicationError",
                f"error while wrapping using MutateFn: Object {known['namespace']}/{known['name']} is already owned by "
                f"another {owner['kind']} controller {owner['name']}",
                generated=True,
            )
        kept = {k: v for k, v in (known.get("annotations") or {}).items() if k.startswith(_KEPT_ANNOTATIONS)}
        wanted = {
            "labels": metadata.get("labels") or {},
            "annotations": (metadata.get("annotations") or {}) | kept,
            "finalizers": metadata.get("finalizers") or [],
            "ownerReferences": metadata["ownerReferences"],
        }
        mine: Json = {name: known.get(name) or type(value)() for name, value in wanted.items()}
        old = {"metadata": mine, "spec": found["spec"]}
        patch = difference(old, {"metadata": wanted, "spec": application["spec"]})
        if not patch:
            return
        try:
            written = self.api.patch(APPLICATION, known["namespace"], known["name"], patch)
        except ApiError as error:
            if not error.code:
                raise
            raise SetFailed("UpdateApplicationError", str(error), generated=True) from error
        self.store.put(APPLICATION, written)
        self.recorder.normal(live, "updated", f'updated Application "{known["name"]}"')

    def _delete_others(self, live: Json, names: set[str]) -> None:
        for application in self.owned(live):
            metadata = application["metadata"]
            if metadata["name"] not in names:
                self.api.delete(APPLICATION, metadata["namespace"], metadata["name"], uid=metadata["uid"])
                self.recorder.normal(live, "Deleted", f'Deleted Application "{metadata["name"]}"')

    def owned(self, live: Json) -> list[Json]:
        """The Applications whose controller is this set."""
        return [one for one in self.store.objects(APPLICATION) if owner_of(one) == live["metadata"]["name"]]

    def _tell_resources(self, live: Json, created: Iterable[Json]) -> None:
        status = live.get("status") or {}
        known = {one["metadata"]["name"]: one for one in (*created, *self.owned(live))}
        wanted = set_status.resources([known[name] for name in sorted(known)])
        mine = {name: status[name] for name in ("resources", "resourcesCount") if name in status}
        if patch := difference(mine, wanted):
            self._write_status(live, {"health": {}} | patch if "health" not in status else patch)

    def _consume(self, live: Json) -> None:
        metadata = live["metadata"]
        for _ in range(_TRIES):
            fresh = self.api.get(APPLICATION_SET, metadata["namespace"], metadata["name"])
            if fresh is None or REFRESH not in (fresh["metadata"].get("annotations") or {}):
                return
            del fresh["metadata"]["annotations"][REFRESH]
            for generator in fresh["spec"].get("generators") or []:
                if GIT in generator:
                    generator[GIT].setdefault("template", _EMPTY_TEMPLATE)
            try:
                self.store.put(APPLICATION_SET, self.api.replace(APPLICATION_SET, fresh))
            except ApiError as error:
                if error.code != CONFLICT:
                    raise
            else:
                return

    def _tell(self, key: Key, wanted: Json) -> None:
        """Write what differs of conditions and health."""
        live = self.api.get(APPLICATION_SET, *key)
        if live is None:
            return
        patch = set_status.changed(live.get("status") or {}, wanted)
        if patch:
            self._write_status(live, patch)

    def _write_status(self, live: Json, patch: Json) -> None:
        metadata = live["metadata"]
        try:
            written = self.api.patch(
                APPLICATION_SET, metadata["namespace"], metadata["name"], {"status": patch}, subresource="status"
            )
        except ApiError as error:
            if not error.code:
                raise
            log.info("the status of set %s was not written: %s", metadata["name"], error)
            return
        self.store.put(APPLICATION_SET, written)
