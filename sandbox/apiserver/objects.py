"""Create, replace, patch and delete, with the server's rules about metadata, status, generation and finalizers."""

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.apiserver import errors, managed_fields, patches, rules
from sandbox.apiserver.causes import BLOCKING, Cause
from sandbox.apiserver.changes import Change, Options, Target, encoder
from sandbox.apiserver.decoding import decode_object, named
from sandbox.apiserver.hooks import Hooks
from sandbox.apiserver.managed_fields import Manager, Owners
from sandbox.apiserver.metadata import check_metadata, check_new_finalizers
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.storage import Entry, Storage
from sandbox.apiserver.timestamps import timestamp
from sandbox.apiserver.validation import duplicates, validate

Json = dict[str, Any]
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_SERVER_SET = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")


class Objects:
    """All writes. `hooks` are what kinds add, by `plural.group`; `removed` is told of every object that is gone."""

    def __init__(self, storage: Storage, hooks: dict[str, Hooks], removed: Callable[[Target], None]) -> None:
        self._storage = storage
        self._hooks = hooks
        self._removed = removed

    def create(self, target: Target, body: Any, options: Options) -> Entry:
        """Create an object from a decoded body."""
        value = self._decode(target, body, options)
        metadata = value["metadata"]
        for name in ("resourceVersion", "managedFields", *_SERVER_SET):
            metadata.pop(name, None)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(random.choices(_SUFFIX, k=5))  # noqa: S311 - no secret
        return self._insert(replace(target, name=metadata.get("name", "")), value, None, options)

    def replace(self, target: Target, body: Any, options: Options) -> Entry:
        """Replace an object (PUT) from a decoded body."""
        live = self._live(target)
        value = self._decode(target, body, options)
        self._check_version(target, live, value, required=target.resource.versioned)
        return self._update(target, live, value, options)

    def patch(self, target: Target, kind: str, patch: Any, options: Options) -> tuple[Entry, bool]:
        """Patch an object; return it and whether an apply created it."""
        if kind == patches.APPLY_PATCH:
            return self._apply(target, patch, options)
        live = self._live(target)
        copy = json.loads(live.raw) | {"apiVersion": target.resource.group_version}
        if kind == patches.JSON_PATCH:
            value = patches.json_patch(copy, patch)
        elif kind == patches.STRATEGIC_PATCH:
            value = patches.strategic_merge(target.resource.schema, copy, patch)
        else:
            value = patches.merge(copy, patch)
        try:
            value = self._decode(target, value, options)
        except errors.StrictDecodingError as error:
            raise error.in_patch() from error
        self._check_version(target, live, value)
        return self._update(target, live, value, options), False

    def delete(self, target: Target, preconditions: Json, options: Options, *, finalizer: str = "") -> Entry | None:
        """Delete an object; return it when finalizers keep it (or it was kept already), else None.

        `finalizer` is one that the deletion itself adds.
        """
        live = self._live(target)
        metadata = live.object["metadata"]
        for label, key in (("UID", "uid"), ("ResourceVersion", "resourceVersion")):
            wanted = preconditions.get(key)
            if wanted is not None and wanted != metadata[key]:
                raise errors.precondition(target.resource, target.name, label, wanted, metadata[key])
        _admit(Change("DELETE", target, None, live.object, options))
        doomed = self._hook(target).deleting(live.object)
        if finalizer and "deletionTimestamp" not in metadata:
            finalizers = [*(metadata.get("finalizers") or ()), finalizer]
            doomed = {**doomed, "metadata": doomed["metadata"] | {"finalizers": finalizers}}
        if not _finalizers(target.resource, doomed):
            if not options.dry_run:
                self._remove(target)
            return None
        if "deletionTimestamp" in metadata:
            return live
        marks: Json = {"deletionTimestamp": timestamp(), "deletionGracePeriodSeconds": 0}
        if target.resource.generation:
            marks["generation"] = metadata["generation"] + 1
        doomed = {**doomed, "metadata": doomed["metadata"] | marks}
        return self._store(target, doomed, live, options)

    def release(self, target: Target, value: Json) -> None:
        """Store `value`, a version of a deleted object with fewer finalizers; remove the object with the last one."""
        live = self._live(target)
        self._store(target, value, live, Options(manager=""))

    def _decode(self, target: Target, body: Any, options: Options) -> Json:
        return decode_object(
            target.resource, body, target.namespace, options.validation, options.warnings, again=options.duplicated
        )

    def _hook(self, target: Target) -> Hooks:
        return self._hooks.get(target.resource.qualified, Hooks())

    def _live(self, target: Target) -> Entry:
        live = self._storage.get(target.resource.qualified, target.key)
        if live is None:
            raise errors.not_found(target.resource, target.name)
        return live

    def _insert(self, target: Target, value: Json, owners: Owners | None, options: Options) -> Entry:
        resource, hook = target.resource, self._hook(target)
        hook.defaults(value)
        self._check_namespace(target)
        if owners is None:
            manager = Manager(options.manager, "Update", resource.group_version, "")
            owners = managed_fields.update(resource, resource.skeleton, value, {}, manager, now=timestamp())
        if resource.stored:
            value["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp()}
        if resource.generation:
            value["metadata"]["generation"] = 1
        if entries := managed_fields.encode(owners):
            value["metadata"]["managedFields"] = entries
        if resource.status:
            value.pop("status", None)
        hook.prepare(value, None)
        self._check(target, value, None)
        _admit(Change("CREATE", target, value, None, options))
        if not resource.stored or options.dry_run:
            return Entry(value, encoder(resource)(value), 0)
        if self._storage.get(resource.qualified, target.key) is not None:
            raise errors.already_exists(resource, target.name)
        return self._storage.put(resource.qualified, target.key, value, encoder(resource))

    def _apply(self, target: Target, patch: Any, options: Options) -> tuple[Entry, bool]:
        resource, live = target.resource, self._storage.get(target.resource.qualified, target.key)
        if live is None and options.subresource:
            raise errors.not_found(resource, target.name)
        config = named(resource, patch, target.namespace, target.name)
        manager = Manager(options.manager, "Apply", "", options.subresource)
        before = live.object if live else {**resource.skeleton, "metadata": {}}
        owners = managed_fields.decode(before["metadata"].get("managedFields", []))
        value, owners = managed_fields.apply(
            resource, before, config, owners, manager, force=options.force, now=timestamp()
        )
        # Copied, because what follows fills and drops in place and shares structure with the stored version.
        value = decode_object(resource, json.loads(json.dumps(value)), target.namespace, "Ignore", [])
        if live is None:
            value["metadata"].pop("resourceVersion", None)
            return self._insert(target, value, owners, options), True
        self._check_version(target, live, value)
        return self._update(target, live, value, options, owners), False

    def _update(
        self, target: Target, live: Entry, value: Json, options: Options, owners: Owners | None = None
    ) -> Entry:
        resource, hook = target.resource, self._hook(target)
        old = live.object
        hook.defaults(value)
        sent = value["metadata"].pop("managedFields", None)
        if options.subresource == "status":
            value = {**old, "metadata": dict(old["metadata"])} | (
                {"status": value["status"]} if "status" in value else {}
            )
        elif resource.status:
            value.pop("status", None)
            value |= {"status": old["status"]} if "status" in old else {}
        for name in _SERVER_SET:
            value["metadata"].pop(name, None)
        value["metadata"] |= {name: old["metadata"][name] for name in _SERVER_SET if name in old["metadata"]}
        if owners is None:
            manager = Manager(options.manager, "Update", resource.group_version, options.subresource)
            entries = sent if sent and not options.subresource else old["metadata"].get("managedFields", [])
            owners = {} if sent == [{}] else managed_fields.decode(entries)
            owners = managed_fields.update(resource, old, value, owners, manager, now=timestamp())
        value["metadata"]["managedFields"] = managed_fields.encode(owners)
        hook.prepare(value, old)
        self._check(target, value, old)
        _admit(Change("UPDATE", target, value, old, options))
        if resource.generation and _spec(resource, value) != _spec(resource, old):
            value["metadata"]["generation"] += 1
        return self._store(target, value, live, options)

    def _store(self, target: Target, value: Json, live: Entry, options: Options) -> Entry:
        encode = encoder(target.resource)
        value["metadata"]["resourceVersion"] = live.object["metadata"]["resourceVersion"]
        if _timeless(value) == _timeless(live.object):
            return live
        if options.dry_run:
            return Entry(value, encode(value), live.revision)
        if "deletionTimestamp" in value["metadata"] and not _finalizers(target.resource, value):
            self._remove(target)
            return Entry(value, encode(value), live.revision)
        return self._storage.put(target.resource.qualified, target.key, value, encode)

    def _remove(self, target: Target) -> None:
        self._storage.remove(target.resource.qualified, target.key, encoder(target.resource))
        self._removed(target)

    def _check_version(self, target: Target, live: Entry, value: Json, *, required: bool = False) -> None:
        metadata = value["metadata"]
        version = metadata.get("resourceVersion")
        if not version and required:
            text = "Invalid value: 0: must be specified for an update"
            causes = [Cause("FieldValueInvalid", text, "metadata.resourceVersion")]
            raise errors.invalid(target.resource.qualified, target.name, causes)
        if version and version != live.object["metadata"]["resourceVersion"]:
            raise errors.modified(target.resource, target.name)
        if metadata.get("uid") not in (None, live.object["metadata"]["uid"]):
            raise errors.uid_changed(target.resource, target.name, metadata["uid"], live.object["metadata"]["uid"])
        name = metadata.get("name", "")
        if name != target.name:
            raise errors.bad_request(
                f"the name of the object ({name}) does not match the name on the URL ({target.name})"
            )

    def _check_namespace(self, target: Target) -> None:
        if not target.namespace:
            return
        namespace = self._storage.get("namespaces", ("", target.namespace))
        if namespace is None:
            raise errors.no_namespace(target.namespace)
        if "deletionTimestamp" in namespace.object["metadata"]:
            raise errors.terminating(target.resource, target.name, target.namespace)

    def _check(self, target: Target, value: Json, old: Json | None) -> None:
        resource = target.resource
        causes = check_metadata(resource, value) if resource.stored else []
        if old is not None:
            causes += check_new_finalizers(resource, value, old)
        if resource.custom:
            causes += _judge(resource, value, old, causes)
        else:
            causes += validate(resource.schema, value, old)
            causes += [] if causes else self._hook(target).validate(value, old)
        if causes:
            raise errors.invalid(_claimed_kind(resource, value), target.name, causes)


def _admit(change: Change) -> None:
    if change.options.admit is not None:
        change.options.admit(change)


def _claimed_kind(resource: Resource, value: Json) -> str:
    """Return `Kind.group` with the kind that the object itself claims."""
    return replace(resource, kind=value.get("kind", resource.kind)).qualified_kind


def _judge(resource: Resource, value: Json, old: Json | None, before: list[Cause]) -> list[Cause]:
    """Return what the schema and the rules of a custom resource say, after the causes found `before`."""
    causes = []
    if value["kind"] != resource.kind:
        text = f'Invalid value: "{value["kind"]}": must be {resource.kind}'
        causes.append(Cause("FieldValueInvalid", text, "kind"))
    bare = {key: item for key, item in value.items() if key != "metadata"}
    known = {key: item for key, item in old.items() if key != "metadata"} if old else None
    causes += validate(resource.schema, bare, known) + duplicates(resource.schema, bare)
    if resource.rules:
        if any(cause.reason in BLOCKING for cause in before + causes):
            text = "some validation rules were not checked because the object was invalid; correct the existing errors "
            causes.append(Cause("FieldValueInvalid", f"Invalid value: null: {text}to complete validation", "<nil>"))
        else:
            causes += rules.check(resource.rules, value, old)
    return causes


def _spec(resource: Resource, value: Json) -> Json:
    skipped = {"metadata", "status"} if resource.status else {"metadata"}
    return {key: item for key, item in value.items() if key not in skipped}


def _finalizers(resource: Resource, value: Json) -> list[str]:
    finalizers: list[str] = value["metadata"].get("finalizers") or []
    if resource.qualified == "namespaces":
        finalizers = finalizers + (value["spec"].get("finalizers") or [])
    return finalizers


def _timeless(value: Json) -> Json:
    """Return the object without the times of its managers: a write that changes only those is none."""
    entries = [{k: v for k, v in e.items() if k != "time"} for e in value["metadata"].get("managedFields", ())]
    return {**value, "metadata": value["metadata"] | {"managedFields": entries}}
