"""The operation of an Application: begun, tried again, ended, and what its state says meanwhile."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.argocd.api import Api, Json
from sandbox.argocd.comparison import compare
from sandbox.argocd.manifests import Manifests, ManifestsFailed
from sandbox.argocd.projects import sources_of, violations
from sandbox.argocd.recorder import Recorder, now
from sandbox.argocd.store import Store
from sandbox.argocd.sync import ERROR, FAILED, RUNNING, SUCCEEDED, TERMINATING, Attempt, Syncer, Wish
from sandbox.argocd.writing import Writer

DEFAULT_RETRY: Final[Json] = {"limit": 5}

_HISTORY: Final = 10
_FIRST: Final = 5.0
_LONGEST: Final = 180.0
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Operations:
    """Works on operations, one call a look."""

    api: Api
    store: Store
    manifests: Manifests
    syncer: Syncer
    recorder: Recorder
    writer: Writer

    def proceed(self, application: Json, project: Json | None) -> tuple[Json, float]:
        """Take the operation as far as it goes now.

        Returns the Application as it is then, and after how many seconds to look again (0: the operation has ended).
        """
        state = (application.get("status") or {}).get("operationState") or {}
        if state.get("phase") == TERMINATING:
            return self._end(application, state, Attempt(FAILED, "Operation terminated", [])), 0.0
        if state.get("phase") == RUNNING:
            if state.get("finishedAt") and (wait := self._pause(application, state)) > 0:
                return application, wait
            if state.get("retryCount"):
                again = {key: value for key, value in state.items() if key not in ("finishedAt", "syncResult")}
                state = again | {"message": f"Retrying operation. Attempt #{state['retryCount']}"}
                application = self._tell(application, state)
        else:
            state = {"phase": RUNNING, "operation": application["operation"], "startedAt": now()}
            application = self._tell(application, state)
        return self._try(application, state, project)

    def _try(self, application: Json, state: Json, project: Json | None) -> tuple[Json, float]:
        operation = application["operation"]

        def tell(message: str, results: list[Json]) -> None:
            self._tell(application, state | {"message": message, "syncResult": _sync_result(operation, results)})

        attempt = self._attempt(application, project, tell)
        if (fresh := self.writer.fresh(application)) is None:
            return application, 0.0
        current = (fresh.get("status") or {}).get("operationState") or {}
        if current.get("phase") == TERMINATING:
            return self._end(fresh, state, Attempt(FAILED, "Operation terminated", attempt.results)), 0.0
        limit, count = int((operation.get("retry") or {}).get("limit", 0)), int(state.get("retryCount", 0))
        if attempt.phase == SUCCEEDED or (limit >= 0 and count >= limit):
            return self._end(fresh, state, attempt), 0.0
        state = state | {
            "finishedAt": now(),
            "retryCount": count + 1,
            "syncResult": _sync_result(operation, attempt.results),
        }
        at = datetime.now(UTC).timestamp() + self._pause(fresh, state)
        when = datetime.fromtimestamp(at, UTC).strftime("%I:%M%p").lstrip("0")
        state["message"] = f"{attempt.message.rstrip('.')}. Retrying attempt #{count + 1} at {when}."
        return self._tell(fresh, state), max(self._pause(fresh, state), 0.001)

    def _attempt(self, application: Json, project: Json | None, tell: Any) -> Attempt:
        sync = application["operation"].get("sync") or {}
        spec = application["spec"]
        if project is None or (problems := violations(spec, project)):
            words = problems if project is not None else [f"project {spec.get('project')} not found"]
            return Attempt(ERROR, f"application spec is invalid: {'; '.join(words)}", [])
        sources = sync.get("sources") or ([sync["source"]] if sync.get("source") else sources_of(spec))
        wanted = {**application, "spec": {**spec, "sources": sources}}
        revisions = sync.get("revisions") or ([sync["revision"]] if sync.get("revision") else [])
        try:
            target = self.manifests.load(wanted, revisions=revisions)
        except ManifestsFailed as error:
            return Attempt(ERROR, f"ComparisonError: {error}", [])
        comparison = compare(application, target.objects, self.api, self.store)
        chosen = {(one.get("group", ""), one["kind"], one["name"]) for one in sync.get("resources") or []}
        managed = [
            one
            for one in comparison.managed
            if not chosen or (one.reference[0], one.reference[1], one.reference[3]) in chosen
        ]
        options = sync.get("syncOptions") or []
        wish = Wish(
            application=application["metadata"]["name"],
            managed=managed,
            project=project,
            namespace=spec["destination"].get("namespace", ""),
            prune=bool(sync.get("prune")),
            create_namespace="CreateNamespace=true" in options and not chosen,
        )
        return self.syncer.run(wish, tell)

    def _end(self, application: Json, state: Json, attempt: Attempt) -> Json:
        operation = application.get("operation") or state.get("operation") or {}
        retried = (
            f" (retried {state['retryCount']} times)." if state.get("retryCount") and attempt.phase != SUCCEEDED else ""
        )
        message = f"{attempt.message}{retried}"
        result = _sync_result(operation, attempt.results) if attempt.results else state.get("syncResult")
        ended = state | {"phase": attempt.phase, "message": message, "finishedAt": now()}
        ended |= {"syncResult": result or _sync_result(operation, [])}
        status = dict(application.get("status") or {}) | {"operationState": ended}
        if attempt.phase == SUCCEEDED and not (operation.get("sync") or {}).get("resources"):
            status["history"] = _history(status.get("history") or [], ended)
        wanted = {key: value for key, value in application.items() if key != "operation"} | {"status": status}
        written = self.writer.write(application, wanted)
        self._announce(written, operation, attempt.phase, message)
        return written

    def _announce(self, application: Json, operation: Json, phase: str, message: str) -> None:
        sync = operation.get("sync") or {}
        kind = "Partial sync" if sync.get("resources") else "Sync"
        about = f"{kind} operation to {sync.get('revision', '')}"
        if phase == SUCCEEDED:
            self.recorder.normal(application, "OperationCompleted", f"{about} succeeded")
        else:
            self.recorder.warning(application, "OperationCompleted", f"{about} failed: {message}")

    def _tell(self, application: Json, state: Json) -> Json:
        status = dict(application.get("status") or {}) | {"operationState": state}
        return self.writer.write(application, {**application, "status": status})

    def _pause(self, application: Json, state: Json) -> float:
        """Seconds until the next attempt, counted from the end of the last."""
        backoff = ((application.get("operation") or {}).get("retry") or {}).get("backoff") or {}
        first = seconds(backoff.get("duration"), _FIRST)
        longest = seconds(backoff.get("maxDuration"), _LONGEST)
        factor = float(backoff.get("factor") or 2)
        whole = min(first * factor ** int(state.get("retryCount", 0)), longest)
        ended = datetime.fromisoformat(state["finishedAt"]).timestamp()
        return whole - (time.time() - ended)


def seconds(duration: Any, default: float) -> float:
    """A duration as Go writes it (`1m30s`), or a plain number of seconds."""
    text = str(duration or "")
    if text.isdigit():
        return float(text)
    found = re.findall(r"([\d.]+)(ms|s|m|h)", text)
    return sum(float(number) * _UNITS[unit] for number, unit in found) if found else default


def _sync_result(operation: Json, results: list[Json]) -> Json:
    sync = operation.get("sync") or {}
    about: Json = (
        {
            "revision": "",
            "revisions": sync["revisions"],
            "source": {"repoURL": ""},
            "sources": sync.get("sources") or [],
        }
        if sync.get("revisions")
        else {"revision": sync.get("revision", ""), "source": sync.get("source") or {"repoURL": ""}}
    )
    return about | ({"resources": results} if results else {})


def _history(known: list[Json], state: Json) -> list[Json]:
    result, operation = state["syncResult"], state["operation"]
    entry: Json = {
        "id": known[-1]["id"] + 1 if known else 0,
        "deployStartedAt": state["startedAt"],
        "deployedAt": state["finishedAt"],
        "initiatedBy": operation.get("initiatedBy") or {},
        "source": result["source"],
        **{name: result[name] for name in ("revision", "revisions", "sources") if result.get(name)},
    }
    return [*known, entry][-_HISTORY:]
