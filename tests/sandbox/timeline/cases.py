"""The recorded cases, one row each: what was done, in which world, on what before it.

A row's actions are what a person did between the recorded changes; ArgoCD did the rest. Objects that a person made
(sets, root applications) are taken from the recording itself. Between two actions the world comes to rest.
"""

from collections.abc import Mapping
from typing import Final

from tests.sandbox.timeline.actions import (
    STUCK,
    WAITING,
    Action,
    add_finalizer,
    break_repository,
    create,
    create_root,
    credentials,
    delete,
    drop_finalizers,
    edit_application,
    edit_set,
    edit_workload,
    move_charts,
    project,
    push,
    push_sets,
    refresh,
    refresh_set,
    remove_set_file,
    tag_charts,
    terminate,
    workload,
)
from tests.sandbox.timeline.chain import Case, Chain
from tests.sandbox.timeline.charts import values

_ORDERS, _USERS = "dev-order-service", "dev-user-service"
_ROOT = "nonprod-apps"
_NOTHING: Final = dict.fromkeys(("order-service", "user-service", "checkout", "extra", "cart", "nochart"))


def _two(tag: str) -> Action:
    """The two services that are always there; only one of them was ever edited."""
    return push({"order-service": values("order-service", "1.0"), "user-service": values("user-service", tag)})


_CHECKOUT: Final = push({"checkout": values("checkout", "1.0")})
_READY: Final = (credentials(), project("nonprod"), project("default"), _two("4.0"))


def _alone(
    name: str,
    *actions: Action,
    before: tuple[Action, ...] = (),
    made: str,
) -> Chain:
    """A case of its own: a set is created, something is done, and the set is deleted again."""
    steps = (create(made), *actions, delete("ApplicationSet", made))
    return Chain((*_READY, *before), (Case(name, steps),))


CHAINS: Final[tuple[Chain, ...]] = (
    Chain(
        (project("nonprod"), project("default"), _two("1.0")),
        (
            Case("no-credentials", (create("dev-apps"),)),
            Case("credentials-added-then-refresh", (credentials(), refresh_set("dev-apps"))),
            Case("health", (workload("user-service"),)),
            Case(
                "deployment-stuck",
                (workload("user-service", STUCK), workload("user-service", WAITING), workload("user-service")),
            ),
            Case("new-folder", (move_charts("cart"), push({"cart": values("cart", "1.0")})), late={_USERS: 0.12}),
            Case("new-folder-then-refresh", (refresh_set("dev-apps"),)),
            Case("edit", (push({"user-service": values("user-service", "2.0")}),)),
            Case("edit-then-refresh", (refresh(_USERS), workload("user-service"))),
            Case(
                "edit-then-refresh-normal",
                (push({"user-service": values("user-service", "3.n")}), refresh(_USERS)),
            ),
            Case(
                "edit-then-refresh-hard",
                (push({"user-service": values("user-service", "3.h")}), refresh(_USERS, "hard")),
                late={_USERS: 0.23},
            ),
            Case(
                "bad-values-schema",
                (push({"user-service": values("user-service", "3.h", replicas='"three"')}), refresh(_USERS)),
                late={_USERS: 0.04},
            ),
            Case("bad-yaml", (push({"user-service": "image: [unclosed\n"}), refresh(_USERS, "hard"))),
            Case("values-file-missing", (push({"user-service": ""}), refresh(_USERS, "hard"))),
            Case("values-restored", (push({"user-service": values("user-service", "4.0")}), refresh(_USERS, "hard"))),
            Case(
                "chart-missing",
                (push({"nochart": values("nochart", "1.0")}), refresh_set("dev-apps")),
                late={_USERS: 0.51},
            ),
            Case("folder-removed", (push({"cart": None, "nochart": None}), refresh_set("dev-apps"))),
            Case("hand-edit-of-workload", (edit_workload("user-service", {"replicas": 3}),)),
            Case("application-deleted-by-hand", (delete("Application", _ORDERS),), late={_USERS: 0.12}),
            Case(
                "application-spec-edited-by-hand",
                (edit_application(_ORDERS, {"destination": {"namespace": "platform-services"}}),),
                races={_ORDERS: "the set puts the spec back in 40 ms, while ArgoCD compares it or not"},
            ),
            Case(
                "zero-folders-create-update",
                (edit_set("dev-apps"), push(_NOTHING), refresh_set("dev-apps")),
                late={_ORDERS: 0.45},
            ),
            Case(
                "preserve-resources",
                (_two("4.0"), edit_set("dev-apps"), delete("ApplicationSet", "dev-apps")),
            ),
            Case("set-recreated-adopts", (create("dev-apps"),)),
            Case("set-deleted", (delete("ApplicationSet", "dev-apps"),)),
        ),
    ),
    _alone("template-missing-key", made="t-missingkey"),
    _alone("duplicate-names", made="t-dup"),
    _alone("project-missing", made="t-proj"),
    _alone(
        "repo-not-in-project",
        made="t-repo",
        before=(project("nonprod", sourceRepos=["http://gitea.test/argo/other.git"]),),
    ),
    _alone(
        "namespace-not-in-project",
        made="t-ns",
        before=(project("nonprod", destinations=[{"server": "*", "namespace": "elsewhere"}]),),
    ),
    _alone("repository-missing", made="t-norepo"),
    Chain(_READY, (Case("revision-missing", (create("t-norev"),)),)),
    Chain(
        _READY,
        (
            Case(
                "namespace-missing",
                (create("t-nons"), delete("ApplicationSet", "t-nons"), drop_finalizers(_ORDERS, _USERS)),
                late={"t-norev": 0.0},
            ),
        ),
    ),
    _alone("chart-by-template-patch", made="t-patch", before=(_CHECKOUT,)),
    _alone("chart-by-merge-generator", made="t-merge", before=(_CHECKOUT,)),
    _alone("list-generator", made="t-list", before=(_CHECKOUT,)),
    _alone("list-generator-empty", made="t-list"),
    _alone("raw-url-values-private", made="t-raw", before=(_CHECKOUT,)),
    Chain(
        (credentials(), project("nonprod"), project("default"), _two("1.0"), create("dev-apps", case="no-credentials")),
        (
            Case("root-app", (push_sets("dev-apps"), create_root(_ROOT)), late={_USERS: 0.01}),
            Case(
                "root-new-set-refresh",
                (
                    push({"user-service": values("user-service", "1.0")}, environment="stage"),
                    push_sets("stage-apps"),
                    refresh(_ROOT),
                ),
            ),
            Case("root-set-changed-by-hand", (edit_set("dev-apps"),)),
            Case(
                "root-set-file-removed",
                (remove_set_file("stage-apps"), refresh(_ROOT)),
                late={_ORDERS: 0.0, _USERS: 0.01, _ROOT: 0.1},
            ),
            Case(
                "gitea-repository-deleted",
                (break_repository(), refresh(_ROOT, "hard"), refresh_set("dev-apps")),
                late={"stage-apps": 0.01, _ROOT: 0.12},
            ),
        ),
    ),
    Chain(
        (
            *(credentials(), project("nonprod"), project("default"), _two("1.0")),
            create("dev-apps", case="no-credentials"),
        ),
        (
            Case(
                "chart-by-dict",
                (_CHECKOUT, create("z-dict"), refresh_set("z-dict"), delete("ApplicationSet", "z-dict")),
                late={_USERS: 0.3},
                until=40,
            ),
        ),
    ),
    Chain(
        (
            *(credentials(), project("nonprod"), push(_NOTHING)),
            # ArgoCD knows the head without folders: another set asked for it.
            create("z-cache", case="set-created-after-push-uses-cached-head", called="before"),
            delete("ApplicationSet", "before"),
        ),
        (
            Case(
                "set-created-after-push-uses-cached-head",
                (push({"user-service": values("user-service", "9.1")}), create("z-cache")),
                late={"dev-apps": 0.01},
            ),
            Case("set-created-after-push-refreshed", (refresh_set("z-cache"),)),
            Case(
                "kept-as-owned-create-update",
                (edit_set("z-cache"), push(_NOTHING), refresh_set("z-cache"), delete("ApplicationSet", "z-cache")),
            ),
        ),
    ),
    Chain(
        (credentials(), project("nonprod"), push({"user-service": values("user-service", "9.2")})),
        (
            Case(
                "two-sets-one-name",
                (
                    *(create("z-a"), refresh_set("z-a"), create("z-b"), refresh_set("z-b")),
                    delete("ApplicationSet", "z-b"),
                ),
                until=40,
            ),
        ),
    ),
    _alone(
        "chart-by-files-generator",
        refresh_set("z-files"),
        made="z-files",
        before=(_two("1.0"), push({"checkout": values("checkout", "1.0", chart="order-service")})),
    ),
    _alone(
        "zero-folders-owned-default-policy",
        refresh_set("z-zero"),
        push(_NOTHING),
        refresh_set("z-zero"),
        made="z-zero",
        before=(_two("1.0"), _CHECKOUT),
    ),
    _alone(
        "create-namespace-option",
        refresh_set("z-ns"),
        made="z-ns",
        before=(push(_NOTHING | {"user-service": values("user-service", "9.2")}),),
    ),
    Chain(
        (
            *(credentials(), project("nonprod"), project("default"), _two("1.0")),
            *(tag_charts("infraforge-abc123"), push({"extra": values("extra", "1.0")})),
        ),
        (
            Case("charts-by-immutable-tag", (push_sets("dev-apps"), create_root(_ROOT))),
            Case("tag-moved-on", (move_charts("extra"), push_sets("dev-apps"), refresh(_ROOT))),
            Case(
                "safe-removal-of-one-application",
                (
                    *(push({"extra": None}), refresh_set("dev-apps")),
                    *(add_finalizer("dev-extra"), delete("Application", "dev-extra")),
                ),
            ),
            Case("safe-removal-finalizer-before-refresh", (add_finalizer(_ORDERS),)),
            Case("safe-removal-of-a-set-file", (remove_set_file("dev-apps"), refresh(_ROOT))),
            Case(
                "safe-removal-set-deleted-orphan",
                (
                    delete("ApplicationSet", "dev-apps", "Orphan"),
                    *(add_finalizer(_USERS), delete("Application", _USERS)),
                    *(add_finalizer(_ORDERS), delete("Application", _ORDERS)),
                ),
            ),
        ),
    ),
    Chain(
        (credentials(), project("nonprod"), push({"user-service": values("user-service", "1.0")})),
        (
            Case(
                "removal-while-operation-retries",
                (
                    *(create("x-apps"), refresh_set("x-apps"), delete("ApplicationSet", "x-apps", "Orphan")),
                    *(add_finalizer(_USERS), terminate(_USERS), delete("Application", _USERS)),
                ),
            ),
        ),
    ),
)

DIFFERENT: Final[Mapping[str, str]] = {}
"""Cases in which the stand-in differs from the recording, and why. A case that is listed here must differ."""

MOST_DIFFERENT: Final = 5
