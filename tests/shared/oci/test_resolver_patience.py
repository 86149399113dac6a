"""How often a registry is asked, and for how long: bounds, memory, and hosts that have had enough."""

import threading

import httpx
import pytest

from shared.oci import Reference, Resolved, TagMissing, Unavailable, parse
from tests.shared.oci.registries import DIGEST
from tests.shared.oci.resolving import IMAGE, NO, UNKNOWN, Clock, Script, answer, found, resolver


@pytest.mark.parametrize(
    ("header", "seconds", "reason"),
    [
        ({"Retry-After": "20"}, 20, "as it says"),
        ({"Retry-After": "86400"}, 60, "but not for a day"),
        ({"Retry-After": "0"}, 1, "and not at once"),
        ({"Retry-After": "Wed, 21 Oct 2037 07:28:00 GMT"}, 10, "a date counts as silence"),
        ({"Retry-After": "²"}, 10, "a digit that is no number"),
        ({}, 10, "ten seconds if it says nothing"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_throttling_host_is_left_alone_for_a_while(
    status: int, header: dict[str, str], seconds: int, reason: str
) -> None:
    headers = {key: value.encode() for key, value in header.items()}
    script, clock = Script(lambda request: httpx.Response(status, headers=headers)), Clock()
    asking = resolver(script, clock)
    message = NO + f"ghcr.io answers {status}: it is busy, or has had enough of us"
    assert asking.resolve(IMAGE) == Unavailable(message, seconds), reason
    clock.now += seconds - 0.5
    assert asking.resolve(IMAGE) == Unavailable(message, 1)
    assert len(script.asked) == 1
    clock.now += 0.5
    asking.resolve(IMAGE)
    assert len(script.asked) == 2


def test_a_dead_registry_costs_its_timeout_once() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("timed out", request=request)

    script = Script(handler)
    asking = resolver(script)
    first = asking.resolve(IMAGE)
    assert first == Unavailable(NO + "ghcr.io does not answer (timed out)", 5)
    others = asking.resolve_all(parse("ghcr.io/acme/shop", str(n)) for n in range(100))
    assert all(isinstance(one, Unavailable) for one in others.values())
    assert len(script.asked) == 1


def test_results_are_remembered_for_a_short_while() -> None:
    script, clock = Script(found), Clock()
    asking = resolver(script, clock)
    for _ in range(3):
        asking.resolve(IMAGE)
    assert len(script.asked) == 1
    asking.resolve(IMAGE, fresh=True)
    assert len(script.asked) == 2
    clock.now += 31
    asking.resolve(IMAGE)
    assert len(script.asked) == 3


def test_a_missing_tag_is_remembered_for_a_shorter_while() -> None:
    """Somebody pushes the tag and applies again: that must not take half a minute."""
    script, clock = Script(answer(httpx.Response(404), UNKNOWN)), Clock()
    asking = resolver(script, clock)
    asking.resolve(IMAGE)
    count = len(script.asked)
    asking.resolve(IMAGE)
    assert len(script.asked) == count
    clock.now += 6
    asking.resolve(IMAGE)
    assert len(script.asked) == 2 * count


def test_many_images_are_asked_for_at_the_same_time() -> None:
    """Four requests meet at a barrier, which one after the other would never."""
    barrier = threading.Barrier(4, timeout=10)

    def handler(request: httpx.Request) -> httpx.Response:
        barrier.wait()
        return found(request)

    images = [parse("ghcr.io/acme/shop", str(n)) for n in range(4)]
    outcomes = resolver(Script(handler)).resolve_all([*images, *images])
    assert outcomes == dict.fromkeys(images, Resolved(DIGEST))
    assert list(outcomes) == images


def test_many_images_together_end_in_time() -> None:
    clock = Clock()

    def handler(request: httpx.Request) -> httpx.Response:
        clock.now += 4
        return found(request)

    images = [Reference(f"r{n}.example", "shop", "1") for n in range(40)]
    outcomes = resolver(Script(handler), clock).resolve_all(images, within=30.0)
    late = [one for one in outcomes.values() if isinstance(one, Unavailable)]
    assert late
    assert late[-1].message == "r39.example/shop:1 is not resolved: r39.example did not answer all questions in time"


def test_the_questions_about_one_image_end_in_time() -> None:
    clock = Clock()

    def handler(request: httpx.Request) -> httpx.Response:
        clock.now += 4.9
        page = int(request.url.params.get("last", "0")) + 1
        if not request.url.path.endswith("/tags/list"):
            return UNKNOWN
        link = f'</v2/acme/shop/tags/list?n=1000&last={page}>; rel="next"'
        return httpx.Response(200, json={"tags": [str(page)]}, headers={"Link": link})

    script = Script(handler)
    outcome = resolver(script, clock).resolve(IMAGE)
    assert isinstance(outcome, TagMissing)
    assert outcome.nearest == ("1",)
    assert len(script.asked) == 4
