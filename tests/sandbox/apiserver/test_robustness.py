"""Bodies that nobody would send on purpose: each is served or refused, and never breaks the server."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.apiserver import patches
from sandbox.apiserver.changes import Options, Target
from sandbox.apiserver.cluster import Cluster
from sandbox.apiserver.errors import ApiError
from sandbox.apiserver.storage import Storage
from tests.sandbox.apiserver.conftest import RECORDINGS

CRD = yaml.safe_load((RECORDINGS / "crd.yaml").read_text())
CLAIM = yaml.safe_load((RECORDINGS / "claim.yaml").read_text()) | {
    "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}
}
CLAIM["metadata"] |= {
    "labels": {"a": "b"},
    "finalizers": ["a/b"],
    "managedFields": [{"manager": "m", "operation": "Update", "fieldsV1": {"f:spec": {"f:environment": {}}}}],
}
SECRET = {"metadata": {"name": "x", "labels": {"a": "b"}}, "data": {"a": "Yg=="}, "stringData": {"c": "d"}}
EVENT = {"metadata": {"name": "x"}, "involvedObject": {"kind": "A", "name": "x"}, "source": {"component": "c"}}
BODIES = {
    "applicationclaims": CLAIM,
    "secrets": SECRET,
    "events": EVENT,
    "customresourcedefinitions": CRD,
}
VALUES = st.sampled_from([None, 1, 1.5, "x", "", True, [], {}, [1], ["x"], {"a": 1}, [[]], [None], [{}], -1, 10**30])
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), VALUES, st.booleans()), min_size=1, max_size=3)
Write = Callable[[Cluster, Target, Any, Options], Any]
WRITES: dict[str, Write] = {
    "create": lambda cluster, target, body, options: cluster.create(target, body, options),
    "replace": lambda cluster, target, body, options: cluster.replace(target, body, options),
    "merge": lambda cluster, target, body, options: cluster.patch(target, patches.MERGE_PATCH, body, options),
    "apply": lambda cluster, target, body, options: cluster.patch(target, patches.APPLY_PATCH, body, options),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster without the HTTP layer, with one object of each kind."""
    storage = Storage(tmp_path_factory.mktemp("cluster") / "objects.db", 100)
    made = Cluster(storage)
    made.ensure_namespace("dev")
    made.ensure_crd(CRD)
    yield made
    storage.close()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(body: Any, changes: list[tuple[int, Any, bool]]) -> Any:
    """Return the body with values replaced or removed."""
    body = copy.deepcopy(body)
    for number, value, remove in changes:
        *way, last = list(places(body))[number % len(list(places(body)))]
        where = body
        for key in way:
            where = where[key]
        if remove:
            del where[last]
        else:
            where[last] = copy.deepcopy(value)
    return body


@pytest.mark.parametrize("plural", BODIES)
@pytest.mark.parametrize("write", WRITES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, subresource=st.sampled_from(["", "", "status"]))
def test_any_body(cluster: Cluster, plural: str, write: str, changes: list[Any], subresource: str) -> None:
    """A write of a damaged body stores what its JSON says, or is refused with a Status."""
    resource = next(r for r in cluster.registry if r.plural == plural)
    name = BODIES[plural]["metadata"]["name"]
    target = Target(resource, "dev" if resource.namespaced else "", name)
    subresource = subresource if resource.status and write != "create" else ""
    try:
        if cluster.storage.get(resource.qualified, target.key) is None:
            cluster.create(target, copy.deepcopy(BODIES[plural]), Options("first"))
        WRITES[write](cluster, target, changed(BODIES[plural], changes), Options("m", subresource=subresource))
    except ApiError as error:
        json.dumps(error.body())
    entry = cluster.storage.get(resource.qualified, target.key)
    assert entry is None or json.loads(entry.raw) == entry.object
