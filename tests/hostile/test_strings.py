"""A string of a claim is refused by the name of its field, or it is written as itself and means nothing to anybody.

Each field of each kind is given every hostile string. What is written is compared with what a harmless name in the same
field writes: the two may differ in that name and in nothing else, as files, as YAML, and as the Applications that Go's
templates make of the sets.
"""

import copy
import functools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from pydantic import SecretStr

from functions.application import desired as application
from functions.bootstrap import desired as bootstrap
from functions.bootstrap import namespaces
from functions.platform import desired as platform
from shared import platform_set
from shared.argocd import Layout, credential_name
from shared.attempt import Kind
from shared.claims import application_release, service_release
from shared.environments import Environment, check_names, locate
from shared.errors import InfraForgeError, InvalidClaim
from shared.git.message import Record, compose
from shared.git.message import parse as parse_message
from shared.git.paths import plan
from shared.kinds import APPLICATION, BOOTSTRAP, INFRASTRUCTURE, PLATFORM
from shared.oci import parse as parse_image
from shared.projects import Fence
from tests.hostile import strategies
from tests.hostile.strategies import HOSTILE, Document
from tests.shared.argocd_templates import Renderer

GITEA = "http://gitea-http.gitea.svc:3000"
LAYOUT = Layout(GITEA, "argocd")
FENCE = Fence(None, ("argocd", "platform-system"), (), ("ResourceQuota",))
PLAIN = ("zz-plain", "https://zz-plain", "zz-plain.example.com/zz")
"""Harmless strings; the first that a field takes stands for what it would write."""

METADATA = {"name": "a-name", "namespace": "a-namespace", "uid": "a-uid", "generation": 1, "resourceVersion": "1",
            "annotations": {"platform.infraforge.io/resolve-images": "an-annotation"}, "labels": {"a": "a-label"},
            "creationTimestamp": "2026-01-01T00:00:00Z"}  # fmt: skip
VALUES = {"a-key": "a-value", "list": [{"name": "a-variable", "value": "another"}]}
DESTINATIONS = [{"name": "a-cluster"}, {"server": "https://a-server:6443"}]
CLUSTERS = [{"type": "nonprod", "environments": ["dev"], "destination": DESTINATIONS[0]},
            {"type": "prod", "environments": ["live"], "destination": DESTINATIONS[1]}]  # fmt: skip
CLAIMS: dict[str, tuple[Kind[Any], Document]] = {
    "BootstrapClaim": (BOOTSTRAP, {
        "gitea": {"url": GITEA, "organization": "an-organization"}, "clusters": CLUSTERS,
    }),
    "InfrastructureClaim": (INFRASTRUCTURE, {
        "clusterType": "nonprod", "environment": "dev",
        "namespaces": [{
            "name": "shop", "labels": {"a-label": "a-value"}, "annotations": {"an-annotation": "a-value"},
            "quota": {"pods": "50"}, "limits": {"default": {"cpu": "500m"}},
            "networkPolicy": {"from": ["a-door"], "to": ["a-window"]},
            "access": [{"role": "view", "kind": "ServiceAccount", "name": "a-robot", "namespace": "a-home"}],
        }],
    }),
    "ApplicationClaim": (APPLICATION, {
        "clusterType": "nonprod", "environment": "dev", "imagePolicy": "Tag",
        "applications": [
            {"name": "shop", "chart": {"name": "a-chart", "source": "embedded"}, "bindings": ["a-binding"],
             "image": {"repository": "ghcr.io/acme/shop", "tag": "v1", "pullPolicy": "Always"}, "values": VALUES},
            {"name": "vendor", "image": {"repository": "ghcr.io/acme/vendor", "tag": "v1"},
             "chart": {"name": "nginx", "source": "oci", "repository": "oci://ghcr.io/acme", "version": "1.2.3"}},
        ],
    }),
    "PlatformClaim": (PLATFORM, {
        "clusterType": "nonprod", "environment": "dev",
        "services": [{"name": "db", "type": "internal", "chart": {"name": "postgres"}, "values": VALUES}],
    }),
}  # fmt: skip


def document(kind: str) -> Document:
    return {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": kind,
        "metadata": copy.deepcopy(METADATA),
        "spec": copy.deepcopy(CLAIMS[kind][1]),
    }


Place = tuple[str | int, ...]


def places(node: Any, path: Place = ()) -> Iterator[Place]:
    """Every string in a document, and every key of what may have any key (marked by a last part `<key>`)."""
    if isinstance(node, str):
        yield path
    for key, item in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if {"values", "annotations", "labels"} & set(map(str, path)) and isinstance(key, str):
            yield (*path, key, "<key>")
        yield from places(item, (*path, key))


FIELDS = [(kind, place) for kind in CLAIMS for place in places(document(kind))
          if len(place) > 1 and place[-1] not in {"creationTimestamp", "resourceVersion"}]  # fmt: skip


def name_of(place: Place) -> str:
    """The field as messages name it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def put(kind: str, place: Place, text: str) -> Document:
    """The kind's document with `text` at `place`."""
    changed = document(kind)
    *way, last = place if place[-1] != "<key>" else place[:-1]
    node: Any = changed
    for part in way:
        node = node[part]
    if place[-1] == "<key>":
        node[text] = node.pop(last)
    else:
        node[last] = text
    return changed


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    return Renderer(tmp_path_factory.mktemp("renderer"))


class Written:
    """Everything that a claim becomes: files by path, ArgoCD's objects, and the Applications that its sets make."""

    def __init__(self, claim_document: Document, renderer: Renderer) -> None:
        kind, _ = CLAIMS[claim_document["kind"]]
        claim = kind.parse(claim_document)
        self.objects: list[Any] = []
        self.inside: list[str] = []
        getattr(self, f"_{type(claim).__name__}")(claim, claim_document)
        plan(self.files)
        self.documents = {path: _loaded(content) for path, content in self.files.items() if content}
        self.applications = {
            f"{path} {folder}": _rendered(renderer, self.files[path], folder)
            for path, manifest in self.documents.items()
            if (manifest or {}).get("kind") == "ApplicationSet"
            for folder in self._folders(manifest)
        }
        message = compose(_record(claim, claim_document["spec"]))
        assert parse_message(message) == _record(claim, claim_document["spec"])

    def _BootstrapClaim(self, claim: Any, given: Document) -> None:  # noqa: N802 - the kind's name
        """Also what it makes of another claim's set: the environment's destination is in it."""
        self.files = bootstrap.structure(claim.spec.clusters, claim.spec.gitea.organization, LAYOUT)
        self.objects = bootstrap.argocd_objects(
            claim.spec.clusters, claim.spec.gitea.organization, lambda _: FENCE, SecretStr("t"), LAYOUT
        )
        self.inside = ["appsets/", "environments/", "root-apps/"]
        for cluster in claim.spec.clusters:
            for environment in cluster.environments:
                spec = document("PlatformClaim")["spec"] | {"clusterType": cluster.type, "environment": environment}
                other = PLATFORM.parse(document("PlatformClaim") | {"spec": spec})
                self.files |= platform_set.files(_environment(given, cluster.type, environment), LAYOUT, platform=other)

    def _ApplicationClaim(self, claim: Any, _: Document) -> None:  # noqa: N802 - the kind's name
        spec = claim.spec
        environment = _environment(document("BootstrapClaim"), spec.clusterType, spec.environment)
        check_names(environment, [application_release(environment.name, one.name) for one in spec.applications], "spec")
        for index, one in enumerate(spec.applications):
            parse_image(one.image.repository, one.image.tag, field=f"spec.applications[{index}].image")
        self.files = _below(application.folder(environment), application.applications(spec.applications, {}, {}))
        self.files |= application.deployment(claim, environment, LAYOUT)
        self.inside = [f"{application.folder(environment)}/", application.application_set_path(environment)]

    def _PlatformClaim(self, claim: Any, _: Document) -> None:  # noqa: N802 - the kind's name
        spec = claim.spec
        environment = _environment(document("BootstrapClaim"), spec.clusterType, spec.environment)
        check_names(environment, [service_release(environment.name, one.name) for one in spec.services], "spec")
        self.files = _below(platform_set.folder(environment), platform.services(spec.services))
        self.files |= platform_set.files(environment, LAYOUT, platform=claim)
        self.inside = [f"{platform_set.folder(environment)}/", platform_set.path(environment)]

    def _InfrastructureClaim(self, claim: Any, _: Document) -> None:  # noqa: N802 - the kind's name
        spec = claim.spec
        environment = _environment(document("BootstrapClaim"), spec.clusterType, spec.environment)
        rows = {"namespaces": {namespaces.VALUES: namespaces.values(spec.namespaces)}}
        self.files = _below(platform_set.folder(environment), rows)
        self.files |= platform_set.files(environment, LAYOUT, infrastructure=claim)
        self.inside = [f"{platform_set.folder(environment)}/", platform_set.path(environment)]

    def _folders(self, manifest: Any) -> list[str]:
        below = manifest["spec"]["generators"][0]["git"]["directories"][0]["path"].removesuffix("*")
        return sorted({path.rpartition("/")[0] for path in self.files if path.startswith(below)} or {f"{below}db"})


def _below(folder: str, rows: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    return {f"{folder}/{row}/{name}": data for row, files in rows.items() for name, data in files.items()}


@functools.cache
def _rendered(renderer: Renderer, manifest: bytes, folder: str) -> dict[str, Any]:
    return renderer.application(_loaded(manifest), folder)


@functools.cache
def _loaded(content: bytes) -> Any:
    """Most of it is the same for every string. Nobody changes it."""
    return yaml.safe_load(content)


def _environment(given: Document, cluster_type: str, name: str) -> Environment:
    """What the functions learn of an environment from the BootstrapClaim that `given` is, once it is converged."""
    status = {"phase": "Bootstrapped", "charts": {"revision": "c-1"}, "platformCharts": {"revision": "p-1"}}
    status |= {"clusters": given["spec"]["clusters"], "rootApps": ["nonprod-apps"]}
    return locate([BOOTSTRAP.parse(given | {"status": status})], cluster_type, name)


def _record(claim: Any, spec: Document) -> Record:
    metadata = claim.metadata
    uid = metadata.uid.encode(errors="replace").decode()  # a server makes it; half a character in it is no loss
    return Record("s", claim.kind, metadata.namespace, metadata.name, uid, 1, "an-event", spec)


def substituted(value: Any, plain: str, text: str) -> Any:
    """`value` with `text` wherever `plain` is, in keys as well."""
    if isinstance(value, str):  # of an organization one name is made that has no capitals
        return value.replace(credential_name(plain), credential_name(text)).replace(plain, text)
    if isinstance(value, dict):
        return {substituted(key, plain, text): substituted(one, plain, text) for key, one in value.items()}
    return [substituted(one, plain, text) for one in value] if isinstance(value, list) else value


def baseline(kind: str, place: Place, renderer: Renderer) -> tuple[str, Written] | None:
    """The first harmless string that the field takes, and what it writes; None where it takes only words of its own."""
    for plain in PLAIN:
        try:
            return plain, Written(put(kind, place, plain), renderer)
        except InfraForgeError:
            continue
    return None


def assert_harmless(kind: str, place: Place, text: str, plain: tuple[str, Written] | None, renderer: Renderer) -> None:
    """Refused by name, or written as itself."""
    if place == ("metadata", "namespace") and not text:  # the same as none, which no API server gives
        return
    changed = put(kind, place, text)
    try:
        written = Written(changed, renderer)
    except InvalidClaim as error:
        field = name_of(place[:-2] if place[-1] == "<key>" else place).partition(".values")[0]
        assert field in str(error), f"{text!r}: {error}"
        assert str(error).isprintable(), error
        return
    if changed == document(kind) or plain is None:
        assert changed == document(kind) or text in {"Always", "Digest", "repository", "external"}, text
        return
    assert all(path.startswith(tuple(written.inside)) for path in written.files), text
    for part in ("documents", "objects", "applications"):
        assert getattr(written, part) == substituted(getattr(plain[1], part), plain[0], text), (part, text)


@pytest.mark.parametrize(("kind", "place"), FIELDS, ids=[f"{kind} {name_of(place)}" for kind, place in FIELDS])
def test_hostile_strings(renderer: Renderer, kind: str, place: Place) -> None:
    plain = baseline(kind, place, renderer)
    for text in HOSTILE:
        assert_harmless(kind, place, text, plain, renderer)


@pytest.mark.parametrize(("kind", "place"), FIELDS, ids=[f"{kind} {name_of(place)}" for kind, place in FIELDS])
def test_any_strings(renderer: Renderer, kind: str, place: Place) -> None:
    """Whatever Hypothesis makes of them."""
    plain = baseline(kind, place, renderer)

    @settings(deadline=None, max_examples=15)
    @given(strategies.strings())
    def holds(text: str) -> None:
        assert_harmless(kind, place, text, plain, renderer)

    holds()
