"""The order in which Applications go, and what never goes."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.deploying import Place
from shared.deploying.withdrawal import Withdrawal
from tests.shared.deploying.documents import ENVIRONMENT, LATER, NEW, OLD, SOURCE, application, application_set, root
from tests.shared.deploying.world import World

APPS, PLATFORM = Place.of(ENVIRONMENT, "apps"), Place.of(ENVIRONMENT, "platform")


class Clock:
    """Time passes in pauses only."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def withdrawal(world: World, contains: Callable[[str, str, str], bool] = lambda *_: False) -> Withdrawal:
    clock = Clock()
    return Withdrawal(world.argocd, contains, pause=clock.pause, clock=clock)


def test_one_application_goes_in_the_order_that_works() -> None:
    world = World(application_set(), application("dev-old"), application("dev-web"), generates=("dev-old",))
    assert withdrawal(world).of_rows(APPS, {"web"}, {}) == ()
    assert world.log == ["refresh dev-apps", "finalizer dev-old", "delete dev-old"]
    assert world.names() == {"dev-apps", "dev-web"}
    assert world.orphaned == []


def test_an_operation_that_retries_is_ended_first() -> None:
    world = World(application_set(), application("dev-old", operationState={"phase": "Running"}))
    assert withdrawal(world).of_rows(APPS, set(), {}) == ()
    assert world.log == ["refresh dev-apps", "finalizer dev-old", "Terminating dev-old", "delete dev-old"]


def test_nothing_goes_while_the_set_has_not_heard() -> None:
    """It would put the Application back, and take the finalizer off."""
    world = World(application_set(), application("dev-old"), generates=("dev-old",), deaf=True)
    assert withdrawal(world).of_rows(APPS, set(), {}) == ("dev-old",)
    assert world.log == ["refresh dev-apps"]
    assert withdrawal(world).of_rows(APPS, set(), {}) == ("dev-old",)


def test_nothing_goes_while_the_set_is_older_than_git() -> None:
    """A refresh would have it make the new Application, of a renamed row say, with the chart of the row's name."""
    world = World(application_set(path="worker"), application("dev-old"))
    assert withdrawal(world).of_rows(APPS, {"web"}, {"web": SOURCE}) == ("dev-old",)
    assert world.log == []
    world.objects[("applicationsets", "argocd", "dev-apps")] = application_set()
    assert withdrawal(world).of_rows(APPS, {"web"}, {"web": SOURCE}) == ()
    assert world.log == ["refresh dev-apps", "finalizer dev-old", "delete dev-old"]


def test_what_loses_its_finalizer_is_left_for_the_next_look() -> None:
    """The set has heard, and makes it all the same: somebody has put the folder back."""
    world = World(application_set(), application("dev-old"), generates=("dev-old",), forgets=False)
    assert withdrawal(world).of_rows(APPS, set(), {}) == ("dev-old",)
    assert world.log == ["refresh dev-apps", "finalizer dev-old"]


KEPT: dict[str, tuple[Place, Any]] = {
    "a row of the claim": (APPS, application("dev-web")),
    "a service, when applications are looked at": (APPS, application("dev-platform-web", owner="dev-platform")),
    "an application, when services are looked at": (PLATFORM, application("dev-other")),
    "one that no set made": (APPS, application("dev-mine", owner=None)),
    "one that another set made": (APPS, application("dev-theirs", owner="theirs")),
    "one of an environment with a longer name": (APPS, application("devel-old", owner="devel-apps")),
}


@pytest.mark.parametrize(("place", "document"), KEPT.values(), ids=KEPT)
def test_what_stays(place: Place, document: Any) -> None:
    world = World(application_set(), document)
    assert withdrawal(world).of_rows(place, {"web"}, {}) == ()
    assert world.log == []


def test_a_set_goes_before_its_applications_and_after_the_root_has_seen_it() -> None:
    world = World(root(revision=OLD), application_set(), application("dev-web"), generates=())
    assert withdrawal(world, lambda _, revision, commit: revision == commit == LATER).of_set(APPS, LATER) == ()
    assert world.log == ["refresh nonprod-apps", "delete dev-apps orphaning", "finalizer dev-web", "delete dev-web"]
    assert world.names() == {"nonprod-apps"}
    assert world.orphaned == []


def test_a_set_stays_while_the_root_would_put_it_back() -> None:
    world = World(root(revision=OLD), application_set(), application("dev-web"), deaf=True)
    assert withdrawal(world).of_set(APPS, NEW) == ("ApplicationSet dev-apps",)
    assert world.log == ["refresh nonprod-apps"]


def test_begun_and_interrupted() -> None:
    """The set is gone already: what it left goes."""
    world = World(root(), application("dev-web", owner=None), application("dev-platform-db", owner=None))
    assert withdrawal(world).of_set(APPS, NEW) == ()
    assert world.names() == {"nonprod-apps", "dev-platform-db"}


def test_without_a_root_nobody_puts_the_set_back() -> None:
    world = World(application_set(), application("dev-web"))
    assert withdrawal(world).of_set(APPS, NEW) == ()
    assert world.names() == set()
