"""The verbs of resources over HTTP: get, list, watch, create, update, patch, delete."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sandbox.apiserver import errors, logs, patches, protobuf
from sandbox.apiserver.access import token_requests
from sandbox.apiserver.access.control import Access
from sandbox.apiserver.builtin import META, token_request
from sandbox.apiserver.changes import Options, Target, encoder
from sandbox.apiserver.cluster import Cluster
from sandbox.apiserver.decoding import decode_object
from sandbox.apiserver.listing import list_page
from sandbox.apiserver.managed_fields import Manager
from sandbox.apiserver.rendering import Renderer, dumps, form
from sandbox.apiserver.requests import Location, check_propagation, flag, number, write_options
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.schema import compile_type
from sandbox.apiserver.selectors import Matcher, matcher
from sandbox.apiserver.storage import Entry
from sandbox.apiserver.timestamps import timestamp
from sandbox.apiserver.watching import Watch, Watches

Json = dict[str, Any]
_JSON = "application/json"
_PATCHES = [patches.JSON_PATCH, patches.MERGE_PATCH]
_LARGEST_BODY = 3 * 1024 * 1024
_SHORTEST_WATCH = 1800


class Api:
    """Answers requests for resources; raises ApiError for what is refused.

    Each request brings `state.user` and `state.gate`, what judges its writes before they are stored. `pod_logs` is the
    folder of the containers' logs.
    """

    def __init__(self, cluster: Cluster, access: Access, pod_logs: Path) -> None:
        self._pod_logs = pod_logs
        self._cluster = cluster
        self._access = access
        self._token_request = token_request(cluster.types)
        self._storage = cluster.storage
        self._metadata = compile_type(f"{META}ObjectMeta", cluster.types)
        self.watches = Watches(cluster.storage)

    async def respond(self, request: Request, location: Location) -> Response | None:
        """Answer a request; None when no resource has this path."""
        resource = self._cluster.registry.get(location.group, location.version, location.plural)
        if resource is None or (location.namespace and not resource.namespaced):
            return None
        target = Target(resource, location.namespace, location.name)
        if location.subresource == "token" and resource.qualified == "serviceaccounts" and request.method == "POST":
            return await self._token(request, target)
        if location.subresource == "log" and resource.qualified == "pods" and request.method == "GET":
            text = logs.read(self._pod_logs, self._live(target).object, request.query_params)
            return Response(text, media_type="text/plain")
        if location.subresource and not (location.subresource == "status" and resource.status and resource.stored):
            raise errors.not_found(resource, location.name)
        method = request.method
        # The real server takes a POST to a custom resource's own path as a creation.
        if method == "POST" and (not location.name or resource.custom) and "create" in resource.verbs:
            return await self._create(request, target)
        if not resource.stored:
            raise errors.method_not_allowed()
        if location.name:
            return await self._named(request, target, location.subresource)
        if method == "GET":
            return self._watch(request, target) if flag(request.query_params, "watch") else self._list(request, target)
        if method == "DELETE" and "deletecollection" in resource.verbs:
            return await self._delete_all(request, target)
        raise errors.method_not_allowed()

    async def _named(self, request: Request, target: Target, subresource: str) -> Response:
        if target.resource.namespaced and not target.namespace:
            raise errors.method_not_allowed()
        match request.method:
            case "GET":
                return _response(self._renderer(request, target.resource).object(self._live(target)))
            case "PUT":
                return await self._replace(request, target, subresource)
            case "PATCH":
                return await self._patch(request, target, subresource)
            case "DELETE" if not subresource:
                return await self._delete(request, target)
        raise errors.method_not_allowed()

    def _live(self, target: Target) -> Entry:
        entry = self._storage.get(target.resource.qualified, target.key)
        if entry is None:
            raise errors.not_found(target.resource, target.name)
        return entry

    async def _create(self, request: Request, target: Target) -> Response:
        if target.resource.namespaced and not target.namespace:
            raise errors.method_not_allowed()
        body, again = await self._body(request, target.resource)
        options = self._options(request, "", again)
        entry = self._cluster.create(Target(target.resource, target.namespace), body, options)
        if not target.resource.stored:
            answered = self._access.reviews.answer(target.resource, entry.object, request.state.user)
            entry = Entry(answered, encoder(target.resource)(answered), 0)
        return self._written(request, target.resource, entry, options, 201)

    async def _token(self, request: Request, target: Target) -> Response:
        resource = self._token_request
        body, again = await self._body(request, resource)
        options = self._options(request, "token", again)
        wanted = decode_object(resource, body, target.namespace, options.validation, options.warnings, again=again)
        token_requests.own(wanted, Manager(options.manager, "Update", resource.group_version, "token"), resource)
        granted = token_requests.grant(target, wanted, self._access.tokens, self._cluster.storage)
        return self._written(request, resource, Entry(granted, encoder(resource)(granted), 0), options, 201)

    async def _replace(self, request: Request, target: Target, subresource: str) -> Response:
        body, again = await self._body(request, target.resource)
        options = self._options(request, subresource, again)
        entry = self._cluster.replace(target, body, options)
        return self._written(request, target.resource, entry, options)

    async def _patch(self, request: Request, target: Target, subresource: str) -> Response:
        resource = target.resource
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        known = (
            [*_PATCHES, patches.APPLY_PATCH]
            if resource.custom
            else [*_PATCHES, patches.STRATEGIC_PATCH, patches.APPLY_PATCH]
        )
        if kind not in known:
            raise errors.unsupported_media_type(known)
        apply = kind == patches.APPLY_PATCH
        options = write_options(request.query_params, request.headers.get("user-agent", ""), subresource, apply=apply)
        options = replace(options, admit=request.state.gate)
        body, again = patches.decode(await _read(request), kind, resource.kind)
        if again and options.validation == "Strict":
            raise errors.StrictDecodingError(resource, [f'duplicate field "{path}"' for path in again], "")
        entry, created = self._cluster.patch(target, kind, body, options)
        return self._written(request, resource, entry, options, 201 if created else 200)

    async def _delete(self, request: Request, target: Target) -> Response:
        wishes = await self._delete_options(request)
        options = Options(manager="", dry_run=_dry(request, wishes), admit=request.state.gate)
        live = self._storage.get(target.resource.qualified, target.key)
        policy = wishes.get("propagationPolicy") or ""
        kept = self._cluster.delete(target, wishes.get("preconditions") or {}, options, policy)
        if kept is not None:
            return _response(self._renderer(request, target.resource).object(kept))
        if live and target.resource.returned:
            return _response(self._renderer(request, target.resource).object(_deleted(target.resource, live)))
        uid = live.object["metadata"]["uid"] if live else ""
        return _response(dumps(errors.success(target.resource, target.name, uid)))

    async def _delete_all(self, request: Request, target: Target) -> Response:
        wishes = await self._delete_options(request)
        matches = self._matcher(request, target.resource)
        limit = number(request.query_params, "limit")
        page = list_page(self._storage, target.resource.qualified, target.namespace, matches, limit=limit)
        options = Options(manager="", dry_run=_dry(request, wishes), admit=request.state.gate)
        gone: list[Entry] = []
        for entry in page.entries:
            metadata = entry.object["metadata"]
            one = Target(target.resource, metadata.get("namespace", ""), metadata["name"])
            gone.append(self._cluster.delete(one, {}, options, wishes.get("propagationPolicy") or "") or entry)
        revision = {"resourceVersion": str(self._storage.revision)}
        return _response(self._renderer(request, target.resource, plural=True).collection(gone, revision))

    def _list(self, request: Request, target: Target) -> Response:
        query, resource = request.query_params, target.resource
        page = list_page(
            self._storage,
            resource.qualified,
            target.namespace,
            self._matcher(request, resource),
            limit=number(query, "limit"),
            token=query.get("continue", ""),
        )
        return _response(self._renderer(request, resource, plural=True).collection(page.entries, page.metadata))

    def _watch(self, request: Request, target: Target) -> Response:
        query = request.query_params
        watch = Watch(
            namespace=target.namespace,
            matches=self._matcher(request, target.resource),
            revision=query.get("resourceVersion", ""),
            timeout=number(query, "timeoutSeconds") or _SHORTEST_WATCH * (1 + random.random()),  # noqa: S311 - spread
            bookmarks=flag(query, "allowWatchBookmarks"),
            initial=flag(query, "sendInitialEvents"),
        )
        lines = self.watches.open(self._renderer(request, target.resource), watch)
        return StreamingResponse(lines, media_type=_JSON)

    def _matcher(self, request: Request, resource: Resource) -> Matcher | None:
        query = request.query_params
        return matcher(resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))

    def _renderer(self, request: Request, resource: Resource, *, plural: bool = False) -> Renderer:
        wanted = form(request.headers.get("accept", ""))
        return Renderer(resource, wanted, self._metadata, request.query_params.get("includeObject") or "Metadata")

    def _options(self, request: Request, subresource: str, again: list[str]) -> Options:
        options = write_options(request.query_params, request.headers.get("user-agent", ""), subresource)
        return replace(options, duplicated=tuple(again), admit=request.state.gate)

    async def _body(self, request: Request, resource: Resource) -> tuple[Any, list[str]]:
        kind = request.headers.get("content-type", _JSON).partition(";")[0].strip()
        if kind == protobuf.MEDIA_TYPE and not resource.custom:
            return protobuf.decode(await _read(request)), []
        if kind not in (_JSON, "application/yaml"):
            raise errors.unsupported_media_type([_JSON, "application/yaml"])
        return patches.decode(await _read(request), kind, resource.kind)

    async def _delete_options(self, request: Request) -> Json:
        body = await request.body()
        if request.headers.get("content-type") == protobuf.MEDIA_TYPE:
            return protobuf.decode(body)
        try:
            wishes = json.loads(body) if body.strip() else {}
        except ValueError as error:
            raise errors.bad_request(f"couldn't get version/kind; json parse error: {error}") from error
        wishes = wishes if isinstance(wishes, dict) else {}
        policy = wishes.get("propagationPolicy") or request.query_params.get("propagationPolicy")
        check_propagation(policy)
        return wishes | {"propagationPolicy": policy}

    def _written(
        self, request: Request, resource: Resource, entry: Entry, options: Options, code: int = 200
    ) -> Response:
        response = _response(self._renderer(request, resource).object(entry), code)
        for warning in options.warnings:
            text = warning.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.append("Warning", f'299 - "{text}"')
        return response


async def _read(request: Request) -> bytes:
    body = await request.body()
    if len(body) > _LARGEST_BODY:
        raise errors.too_large(_LARGEST_BODY)
    return body


def _deleted(resource: Resource, live: Entry) -> Entry:
    """Return the last version of an object as the answer to its deletion."""
    if resource.qualified != "pods":
        return live
    marks: Json = {"deletionTimestamp": timestamp(), "deletionGracePeriodSeconds": 0}
    metadata = live.object["metadata"] | marks | {"generation": live.object["metadata"]["generation"] + 1}
    value = {**live.object, "metadata": metadata}
    return Entry(value, encoder(resource)(value), live.revision)


def _dry(request: Request, wishes: Json) -> bool:
    return request.query_params.get("dryRun") == "All" or "All" in (wishes.get("dryRun") or ())


def _response(body: bytes, code: int = 200) -> Response:
    return Response(body, code, media_type=_JSON)
