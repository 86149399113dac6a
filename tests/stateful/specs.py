"""Strategies: claims' specs over few names, so that claims meet; places of `voltran`; and what goes wrong."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from shared.errors import Forbidden, GiteaUnavailable, KubeConflict, KubeUnavailable, PushRejected, TransientError
from shared.kinds import APPLICATION, BOOTSTRAP, PLATFORM
from tests.stateful.audit import SECRET

PLACES: Final = (
    ("nonprod", "dev"),
    ("nonprod", "stage"),
    ("prod", "live"),
    ("prod", "later"),
    ("edge", "far"),
)
_ENVIRONMENTS: Final = PLACES[:4]
NAMESPACES: Final = ("team-a", "team-b")
NAMES: Final = ("one", "two")
_ROWS: Final = ("a", "b", "c", "d")
TAGS: Final = ("v1", "v2", "gone", "down", "private")

indexes = st.integers(0, 11)
places = st.sampled_from([*PLACES[:3], *PLACES[:3], *PLACES])

_values: SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"replicas": 1}, {"replicas": 2}, {"replicas": 2}, {"password": SECRET}, {"host": "db.example"}]
)
_applications = st.lists(
    st.builds(
        lambda name, tag, values, chart, bindings: (
            {
                "name": name,
                "chart": {"name": chart},
                "image": {"repository": f"ghcr.io/acme/{name}", "tag": tag},
                "values": values,
            }
            | ({"bindings": bindings} if bindings else {})
        ),
        st.sampled_from(_ROWS),
        st.sampled_from(("v1", *TAGS)),
        _values,
        st.sampled_from(("user-service", "order-service")),
        st.sampled_from([[], [], [], ["a"], ["b"], ["a", "b"]]),
    ),
    max_size=4,
    unique_by=lambda one: one["name"],
)
_service_values: SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        *({"auth": {"username": name}} for name in ("one", "two")),
        {"auth": {"existingSecret": "own"}},
        {"host": "db.example", "port": 5432},
    ]
)
_services = st.lists(
    st.builds(
        lambda name, kind, chart, values: {"name": name, "type": kind, "chart": {"name": chart}, "values": values},
        st.sampled_from(_ROWS[:3]),
        st.sampled_from(("internal", "internal", "internal", "external")),
        st.sampled_from(("postgres", "postgres", "redis", "unheard-of")),
        _values | _service_values,
    ),
    max_size=3,
    unique_by=lambda one: one["name"],
)
_namespaces = st.lists(
    st.builds(
        lambda name, annotations: {"name": name, "annotations": annotations},
        st.sampled_from(_ROWS),
        st.sampled_from([{}, {}, {"owner": "one"}, {"password": SECRET}]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one["name"],
)
contents = {
    "ApplicationClaim": st.builds(
        lambda applications, policy: {"applications": applications, "imagePolicy": policy},
        _applications,
        st.sampled_from(("Tag", "Digest")),
    ),
    "PlatformClaim": st.builds(lambda services: {"services": services}, _services),
    "InfrastructureClaim": st.builds(lambda namespaces: {"namespaces": namespaces}, _namespaces),
}
clusters = st.sets(st.sampled_from(_ENVIRONMENTS), max_size=4).map(
    lambda chosen: [
        {
            "type": type_,
            "environments": [name for where, name in _ENVIRONMENTS if where == type_ and (where, name) in chosen],
        }
        for type_ in sorted({where for where, _ in chosen})
    ]
)

_FOLDERS: Final = (*(f"environments/{type_}/{name}" for type_, name in PLACES), "environments/prod/strange")
paths = st.one_of(
    st.builds(
        lambda folder, part, row, file: f"{folder}/{part}/{row}/{file}",
        st.sampled_from(_FOLDERS),
        st.sampled_from(("applications", "platform")),
        st.sampled_from((*_ROWS, "stray", "namespaces")),
        st.sampled_from(("values.yaml", "more.yaml")),
    ),
    st.builds(lambda folder, file: f"{folder}/{file}", st.sampled_from(_FOLDERS), st.sampled_from(("x", "extra/y"))),
    st.builds(
        lambda type_, role, file: f"appsets/{type_}/{role}/{file}",
        st.sampled_from(("nonprod", "prod", "edge")),
        st.sampled_from(("apps", "platform", "other")),
        st.sampled_from(("dev-appset.yaml", "dev-platform-appset.yaml", "live-appset.yaml", "stray.yaml")),
    ),
    st.sampled_from(
        (
            "README.md",
            "environments/nonprod/README.md",
            "environments/README.md",
            "root-apps/nonprod/stray.yaml",
            "root-apps/nonprod/apps-rootapp.yaml",
            "environments/nonprod/dev/applications/stray.yaml",
            "environments/nonprod/dev",
            "environments/nonprod",
            "appsets/nonprod",
            "appsets",
        )
    ),
)

_KUBE: Final = ("get", "list", "patch_metadata", "patch_metadata done", "patch_status", "patch_status done", "create")
_GITEA: Final = ("last_commit", "head", "ensure_repository", "hooks", "create_hook")


def _down(why: str) -> Exception:
    return KubeUnavailable(f"the Kubernetes API asks for patience ({why})")


def _refuse(error: Callable[[], Exception]) -> SearchStrategy[Callable[[], Exception]]:
    return st.just(error)


faults: SearchStrategy[tuple[str, Callable[[], Exception]]] = st.one_of(
    st.tuples(
        st.sampled_from([f"kube {verb}" for verb in _KUBE]),
        st.sampled_from([lambda: _down("500"), lambda: _down("429")]),
    ),
    st.tuples(
        st.sampled_from(["kube patch_status", "kube patch_metadata"]),
        _refuse(lambda: KubeConflict("the object has been modified")),
    ),
    st.tuples(
        st.sampled_from([f"gitea {verb}" for verb in _GITEA] + ["git fetch", "git push", "git pushed"]),
        _refuse(lambda: GiteaUnavailable("Gitea does not answer")),
    ),
    st.tuples(st.just("git push"), _refuse(lambda: PushRejected("somebody was faster", retry_after=1))),
    st.tuples(st.just("git push"), _refuse(lambda: Forbidden("Gitea refuses the push: hook declined"))),
    st.tuples(st.just("git fetch"), _refuse(lambda: TransientError("the disk is full", reason="CacheUnavailable"))),
)
STEPS: Final = tuple(
    dict.fromkeys(
        step for kind in (APPLICATION, PLATFORM, BOOTSTRAP) for step in (*kind.steps_of_work, *kind.steps_of_removal)
    )
)
steps = st.sampled_from(STEPS)
delays = st.sampled_from((0, 0, 0, 1, 2, 5))

Spec = Mapping[str, Any]
