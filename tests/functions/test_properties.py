"""Whatever a valid claim says: the same bytes every time, inside its own paths, and read by Helm as it was meant."""

import contextlib
import random
from collections.abc import Iterator, Sequence
from typing import Any, cast

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.application.handler import ApplicationHandler
from functions.bootstrap import desired as bootstrap
from functions.platform.handler import PlatformHandler
from shared.admission import Admission
from shared.argocd import Layout
from shared.attempt import Attempt, Kind
from shared.bindings import bind, offered
from shared.claims import ApplicationClaim, PlatformClaim, service_release
from shared.claims.names import MAX_COMBINED_NAME, RESERVED_SERVICE
from shared.events import ClaimRef
from shared.git import Edits, Repository
from shared.gitea import Gitea
from shared.kinds import APPLICATION, BOOTSTRAP, PLATFORM
from shared.kube.recorder import Recorder
from shared.memory import Memory
from shared.reconciler import Handler
from shared.removal import Limits
from shared.telemetry import Metrics
from shared.voltran import Voltran
from tests.charts.engine import values_through_helm
from tests.claims_strategies import application_claims, bootstrap_claims, platform_claims
from tests.fakes import FakeKube, FakeRegistry, last_mile

GITEA = "http://gitea-http.gitea.svc:3000"
LAYOUT = Layout(GITEA, "argocd")
TABLE = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
"""A machine that is busy with other tests is no fault of ours."""


class Empty:
    """An empty repository that remembers what was written to it: its edits as files."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    @contextlib.contextmanager
    def transaction(self) -> Iterator["Empty"]:
        yield self

    head: str | None = None
    tip: str | None = None
    is_prepared = False

    def look_ahead(self, _: Sequence[str]) -> None:
        return

    def mark(self) -> None:
        return

    def rollback(self, _: None) -> None:
        raise AssertionError("nothing goes wrong here")

    def names(self, _: str) -> tuple[str, ...]:
        return ()

    def changed(self, edits: Edits) -> frozenset[str]:
        return frozenset(edits)

    def commit(self, edits: Edits, _: str) -> str:
        self.is_prepared = True
        for path, content in edits.items():
            if isinstance(content, bytes):
                self.files[path] = content
            elif content is not None:
                self.files |= {f"{path}/{name}": data for name, data in content.items()}
        return "sha"

    def push(self) -> None:
        return


def written(document: dict[str, Any], kind: Kind[Any]) -> dict[str, bytes]:
    """What the function of `kind` writes for this claim: all but Git, registry and API server is as in production."""
    kube, repository = FakeKube(), Empty()
    kube.put(BOOTSTRAP.resource, _platform(document["spec"]["clusterType"], document["spec"]["environment"]))
    if kind is APPLICATION:
        kube.put(PLATFORM.resource, offering(document))
    metadata = kube.put(kind.resource, document)["metadata"]
    admission = Admission(
        kube, gitea_url=GITEA, system_namespace="platform-system", cluster_types=frozenset(), environment_namespaces={}
    )
    voltran = Voltran(
        lambda _: cast("Repository", repository),
        cast("Gitea", None),
        gitea_url=GITEA,
        metrics=Metrics(),
        memory=Memory(),
        pause=lambda _: None,
        together=1,
    )
    ref = ClaimRef(kind.name, metadata["namespace"], metadata["name"])
    attempt: Attempt[Any] = Attempt(
        kind, kube, ref, "e", recorder=Recorder(kube, kind.name), now="2026-11-23T12:00:00Z"
    )
    attempt.reread()
    handler: Handler[Any]
    if kind is APPLICATION:
        handler = ApplicationHandler(
            admission=admission,
            kube=kube,
            voltran=voltran,
            limits=Limits(),
            last_mile=last_mile(kube),
            resolve_all=FakeRegistry(),
            layout=LAYOUT,
        )
    else:
        handler = PlatformHandler(
            admission=admission, voltran=voltran, limits=Limits(), last_mile=last_mile(kube), kube=kube, layout=LAYOUT
        )
    handler.converge(attempt)
    return repository.files


def offering(document: dict[str, Any]) -> dict[str, Any]:
    """A PlatformClaim with what the applications of an ApplicationClaim are bound to, as far as it can be called so."""
    spec = document["spec"]
    names = {name for application in spec["applications"] for name in application.get("bindings", ())}
    fitting = sorted(name for name in names if len(service_release(spec["environment"], name)) <= MAX_COMBINED_NAME)
    return {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "PlatformClaim",
        "metadata": {"name": "p", "namespace": "platform-services"},
        "spec": {
            "clusterType": spec["clusterType"],
            "environment": spec["environment"],
            "services": [{"name": name, "chart": {"name": "redis"}} for name in fitting if name != RESERVED_SERVICE],
        },
    }


def _platform(cluster_type: str, environment: str) -> dict[str, Any]:
    clusters = [{"type": cluster_type, "environments": [environment]}]
    return {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "BootstrapClaim",
        "metadata": {"name": "b", "namespace": "platform-system"},
        "spec": {"gitea": {"url": GITEA, "organization": "o"}, "clusters": clusters},
        "status": {
            "phase": "Bootstrapped",
            "charts": {"revision": "c-1"},
            "platformCharts": {"revision": "p-1"},
            "clusters": clusters,
        },
    }


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same document with the keys of every map in another order, as an API server gives it back."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(one, chance) for one in value] if isinstance(value, list) else value


def as_helm_holds_it(value: Any) -> Any:
    """Every number a float64."""
    if isinstance(value, dict):
        return {key: as_helm_holds_it(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_helm_holds_it(one) for one in value]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def given_to_helm(values: dict[str, Any]) -> dict[str, Any]:
    """`values` without the nulls in its maps, which Helm takes for "not given"; in lists it keeps them."""
    return {
        key: given_to_helm(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value is not None
    }


def assert_read_back(content: bytes, expected: dict[str, Any]) -> None:
    """By real Helm's `toJson`."""
    assert as_helm_holds_it(given_to_helm(expected)) == as_helm_holds_it(values_through_helm(content))


@TABLE
@given(application_claims(), st.randoms(use_true_random=False))
def test_an_application_claims_bytes(document: dict[str, Any], chance: random.Random) -> None:
    """A rebuild anywhere gives what is in Git, whatever the order of keys."""
    assert written(document, APPLICATION) == written(shuffled(document, chance), APPLICATION)


@TABLE
@given(platform_claims(), st.randoms(use_true_random=False))
def test_a_platform_claims_bytes(document: dict[str, Any], chance: random.Random) -> None:
    assert written(document, PLATFORM) == written(shuffled(document, chance), PLATFORM)


@TABLE
@given(application_claims())
def test_an_application_claim_stays_inside_and_says_what_it_means(document: dict[str, Any]) -> None:
    """Its own folder and set; the image first; a digest only where the policy is `Digest`; what it is bound to."""
    claim = ApplicationClaim.model_validate(document)
    spec = claim.spec
    folder = f"environments/{spec.clusterType}/{spec.environment}/applications"
    files = written(document, APPLICATION)
    services = offered(PlatformClaim.model_validate(offering(document)))
    place = (spec.clusterType, spec.environment)
    bound = bind(spec.applications, services, namespace=claim.metadata.namespace, place=place)
    bindable = [application for application in spec.applications if application.name not in bound.held]
    assert set(files) == {
        f"appsets/{spec.clusterType}/apps/{spec.environment}-appset.yaml",
        *(f"{folder}/{application.name}/values.yaml" for application in bindable),
    }
    for application in bindable:
        content = files[f"{folder}/{application.name}/values.yaml"]
        image = application.image.model_dump()
        if spec.imagePolicy == "Digest":
            image["digest"] = yaml.safe_load(content)["image"]["digest"]
            assert image["digest"].startswith("sha256:")
        assert content.startswith(b"image:\n  repository: ")
        bindings = bound.values.get(application.name, {})
        assert_read_back(content, {"image": image} | application.values | ({"bindings": bindings} if bindings else {}))


@TABLE
@given(platform_claims())
def test_a_platform_claim_stays_inside_and_says_what_it_means(document: dict[str, Any]) -> None:
    """Never the folder `namespaces`, and nothing for what is external."""
    claim = PlatformClaim.model_validate(document)
    spec = claim.spec
    folder = f"environments/{spec.clusterType}/{spec.environment}/platform"
    files = written(document, PLATFORM)
    internal = [service for service in spec.services if service.type == "internal"]
    assert set(files) == {
        f"appsets/{spec.clusterType}/platform/{spec.environment}-platform-appset.yaml",
        *(f"{folder}/{service.name}/values.yaml" for service in internal),
    }
    for service in internal:
        assert_read_back(files[f"{folder}/{service.name}/values.yaml"], service.values)


@TABLE
@given(bootstrap_claims(), st.randoms(use_true_random=False))
def test_a_bootstrap_claim_lays_out_its_environments_and_nothing_else(
    document: dict[str, Any], chance: random.Random
) -> None:
    """Root applications and empty folders, the same bytes whatever the order of keys."""
    spec = BOOTSTRAP.parse(document).spec
    files = bootstrap.structure(spec.clusters, spec.gitea.organization, LAYOUT)
    again = BOOTSTRAP.parse(shuffled(document, chance)).spec
    assert files == bootstrap.structure(again.clusters, again.gitea.organization, LAYOUT)
    for path, content in files.items():
        top, kind, *_ = path.split("/")
        assert top in {"appsets", "environments", "root-apps"}
        assert kind in {cluster.type for cluster in spec.clusters}
        assert (content == b"") == path.endswith("/.gitkeep")
        assert ".." not in path.split("/")
