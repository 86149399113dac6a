"""A Kubernetes API for handlers in which every write stays: reads go to the cluster, and see what was written here."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from kubernetes.client import ApiClient

from shared.kube.client import Document, Kube, Resource

Query = Sequence[tuple[str, str]]
Reader = Callable[[str, Query], tuple[int, bytes]]
"""Path and query of a GET → status and body."""

SECRETS: Final = "api/v1 secrets"
"""Never read: a plan shows none, and many who make plans may not read them either."""

_OK: Final = 200
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_TIMEOUT: Final = 30.0


def nowhere(_path: str, _query: Query) -> tuple[int, bytes]:
    """The reader of a plan without a cluster."""
    return _NOT_FOUND, b"{}"


@dataclass(frozen=True)
class Address:
    """What a request path names; `name` is None for a collection, `namespace` for all of them."""

    collection: str
    """Version and plural, e.g. `apis/argoproj.io/v1alpha1 applications`."""
    namespace: str | None
    name: str | None
    subresource: str | None

    @classmethod
    def of(cls, path: str) -> "Address":
        """Of a path as `Resource.path` makes it."""
        parts = path.strip("/").split("/")
        version, rest = "/".join(parts[: 2 if parts[0] == "api" else 3]), parts[2 if parts[0] == "api" else 3 :]
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004 - /namespaces/NAME is an object itself
            namespace, rest = rest[1], rest[2:]
        plural, name, subresource = (*rest, None, None)[:3]
        return cls(f"{version} {plural}", namespace, name, subresource)


@dataclass(frozen=True)
class Answer:
    """What the client library hands over of a response."""

    status: int
    data: bytes


@dataclass
class Stage:
    """The transport of a `Kube`. `written` are the objects that somebody wrote, by address, as they are by now."""

    reader: Reader = nowhere
    instead: Callable[[str], Iterable[Document]] = lambda _: ()
    """What to take for a collection (`apis/…/v1alpha1 platformclaims`) that the cluster does not let us list."""
    refused: list[str] = field(default_factory=list)
    """What that was, in the cluster's own words."""
    written: dict[tuple[str, str, str], Document | None] = field(default_factory=dict)

    before: dict[tuple[str, str, str], Document | None] = field(default_factory=dict)
    """The same objects before somebody wrote them."""

    @property
    def kube(self) -> Kube:
        """A client that speaks to this stage and to nothing else."""
        return Kube(cast("ApiClient", self), timeout=_TIMEOUT)

    def put(self, resource: Resource, document: Mapping[str, Any]) -> None:
        """Have `document` there."""
        metadata = document["metadata"]
        at = Address.of(resource.path(metadata.get("namespace"), metadata["name"]))
        self.written[at.collection, at.namespace or "", metadata["name"]] = dict(document)

    def forget(self, resource: Resource, documents: Iterable[Mapping[str, Any]]) -> None:
        """Have `documents` there no longer."""
        for one in documents:
            at = Address.of(resource.path(one["metadata"]["namespace"], one["metadata"]["name"]))
            self.written.pop((at.collection, at.namespace or "", one["metadata"]["name"]), None)

    def changed(self, collection: str) -> Iterator[tuple[Document | None, Document | None]]:
        """What somebody wrote of a collection (`apis/argoproj.io/v1alpha1 applications`): before and after."""
        for key, document in sorted(self.before.items()):
            if key[0] == collection:
                yield document, self.written[key]

    def param_serialize(
        self, method: str, path: str, *, query_params: Query, header_params: Any, body: Any, auth_settings: Any
    ) -> tuple[str, tuple[str, Query], Any, Any]:
        """As the library prepares a request for `call_api`."""
        del auth_settings
        return method, (path, query_params), header_params, body

    def call_api(
        self, method: str, where: tuple[str, Query], headers: Any, body: Any, _request_timeout: float
    ) -> Answer:
        """Answer a request as an API server would; none but a GET leaves this process."""
        del headers
        path, query = where
        at = Address.of(path)
        if at.name is None:
            status, data = self._list(at, path, query) if method == "GET" else self._create(at, body)
        else:
            status, data = self._object(at, path, method, body)
        return Answer(status, data)

    def _object(self, at: Address, path: str, method: str, body: Any) -> tuple[int, bytes]:
        key = (at.collection, at.namespace or "", str(at.name))
        there = self.written.get(key)
        if key not in self.written:
            bare = path.rpartition("/")[0] if at.subresource else path
            status, data = nowhere(bare, ()) if at.collection == SECRETS else self.reader(bare, ())
            there = json.loads(data) if status == _OK else None
            if status not in (_OK, _NOT_FOUND):
                return status, data
        if method == "DELETE":
            self.written[key] = None
            self.before.setdefault(key, there)
        elif method != "GET":
            is_apply = there is None and isinstance(body, Mapping) and "kind" in body
            if there is None and not is_apply:
                return _NOT_FOUND, b"{}"
            self.before.setdefault(key, there)
            there = self.written[key] = _merged(there or _identity(at), body)
        return (_NOT_FOUND, b"{}") if there is None else (_OK, json.dumps(there).encode())

    def _create(self, at: Address, body: Any) -> tuple[int, bytes]:
        document = _merged(_identity(at), body)
        self.written[at.collection, at.namespace or "", document["metadata"].get("name", "")] = document
        return _OK, json.dumps(document).encode()

    def _list(self, at: Address, path: str, query: Query) -> tuple[int, bytes]:
        status, data = nowhere(path, query) if at.collection == SECRETS else self.reader(path, query)
        page: dict[str, Any] = {}
        if status == _OK:
            page = json.loads(data)
        elif status == _FORBIDDEN:
            self.refused.append(str(json.loads(data).get("message", path)))
            known = [one for one in self.instead(at.collection) if at.namespace in (None, _key(one)[0])]
            page = {"items": _selected(known, dict(query).get("labelSelector"))}
        elif self.reader is not nowhere and at.collection != SECRETS:
            return status, data
        ours = {
            (namespace, name): document
            for (collection, namespace, name), document in self.written.items()
            if collection == at.collection and at.namespace in (None, namespace)
        }
        left = [one for one in page.get("items") or () if _key(one) not in ours]
        is_last = not (page.get("metadata") or {}).get("continue")
        added = _selected(filter(None, ours.values()), dict(query).get("labelSelector")) if is_last else []
        return _OK, json.dumps(page | {"items": [*left, *added]}).encode()


def _identity(at: Address) -> Document:
    where = {"namespace": at.namespace} if at.namespace else {}
    return {"metadata": {"name": at.name, "uid": "planned", "resourceVersion": "0", **where}}


def _key(document: Mapping[str, Any]) -> tuple[str, str]:
    metadata = document["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _selected(documents: Iterable[Document], selector: str | None) -> list[Document]:
    wanted = {one for one in (selector or "").split(",") if one}
    return [
        one
        for one in documents
        if wanted <= {f"{key}={value}" for key, value in (one["metadata"].get("labels") or {}).items()}
    ]


def _merged(there: Any, change: Any) -> Any:
    """A JSON merge patch (RFC 7386); what server-side apply adds to that makes no difference to who only reads on."""
    if not isinstance(change, Mapping):
        return change
    found = dict(there) if isinstance(there, Mapping) else {}
    for key, value in change.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found.get(key), value)
    return found
