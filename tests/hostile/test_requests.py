"""Whatever comes over HTTP: the short form in the suite, at least 10,000 requests with `--hypothesis-profile=fuzz`."""

import hashlib
import hmac
import resource
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.bootstrap.webhook import PATH
from tests.functions.platform import KINDS
from tests.hostile import strategies
from tests.hostile.conftest import EXAMPLES, SECRET, Functions, unhurried

MAX_GROWTH = 400 * 1024
"""KiB that the whole test process may grow by; what Hypothesis remembers of its examples is in it."""

_KINDS = st.sampled_from(sorted(EXAMPLES))


@pytest.fixture(scope="module", autouse=True)
def bounded_memory(functions: Functions) -> Iterator[None]:
    """Also tells how many requests there were, and how they were answered."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"\n{functions.answers.total()} requests, {growth // 1024} MiB more than before")
    for (kind, status), count in sorted(functions.answers.items()):
        print(f"  {kind:16} {status} {count:6}")
    assert growth < MAX_GROWTH


@unhurried()
@given(st.data())
def test_events_in_the_binary_mode(functions: Functions, data: st.DataObject) -> None:
    kind = data.draw(_KINDS)
    metadata = functions.examples[kind]["metadata"]
    headers, body = data.draw(strategies.binary_events(kind, metadata["namespace"], metadata["name"]))
    answer = functions.ask(kind, "POST", "/", headers, body)
    assert answer.status_code in {200, 204, 400, 413}


@unhurried()
@given(st.data())
def test_events_in_the_structured_mode(functions: Functions, data: st.DataObject) -> None:
    kind = data.draw(_KINDS)
    metadata = functions.examples[kind]["metadata"]
    headers, body = data.draw(strategies.structured_events(kind, metadata["namespace"], metadata["name"]))
    answer = functions.ask(kind, "POST", "/", headers, body)
    assert answer.status_code in {200, 204, 400, 413}


@unhurried()
@given(st.data())
def test_deliveries(functions: Functions, data: st.DataObject) -> None:
    """Signed or not, and signed for another body or by somebody else."""
    headers, body = data.draw(strategies.deliveries())
    sign = data.draw(st.sampled_from(["us", "us", "another body", "somebody", "nobody", "noise"]))
    key = SECRET.get_secret_value() if sign != "somebody" else "another secret"
    signed = hmac.new(key.encode(), body + (b" " if sign == "another body" else b""), hashlib.sha256).hexdigest()
    headers["X-Gitea-Signature"] = {"nobody": "", "noise": "\xff" * 64}.get(sign, signed)
    answer = functions.ask("BootstrapClaim", "POST", PATH, headers, body)
    assert answer.status_code in ({202, 400, 413} if sign == "us" else {401, 413})


def test_deliveries_from_the_broker(functions: Functions) -> None:
    """They make every function look at Git, and nothing of what they say gets there."""
    platform = functions.platform
    before, commits = platform.head(), platform.git("log", "--format=%H").split()

    @unhurried()
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        kind = data.draw(_KINDS)
        headers, body = data.draw(strategies.delivered(f"{platform.organization}/voltran", commits))
        served = data.draw(st.sampled_from([None, None, *EXAMPLES]))
        if served is not None:
            functions.kube.served[KINDS[served].resource.plural] = data.draw(
                strategies.broken(functions.examples[served])
            )
        try:
            answer = functions.ask(kind, "POST", "/", headers, body)
        finally:
            functions.kube.served.clear()
        assert answer.status_code in {200, 204, 400, 413, 503}

    holds()
    assert platform.head() == before


@unhurried()
@given(st.data())
def test_requests_that_are_no_events(functions: Functions, data: st.DataObject) -> None:
    method, target, headers, body = data.draw(strategies.requests())
    functions.ask(data.draw(_KINDS), method, target, headers, body)


@unhurried()
@given(st.data())
def test_claims_that_nobody_validated(functions: Functions, data: st.DataObject) -> None:
    """The API server serves anything in a claim's spec and status: a status says so, or nothing was wrong with it."""
    kind = data.draw(_KINDS)
    plural = KINDS[kind].resource.plural
    metadata = functions.examples[kind]["metadata"]
    event = {"ce-id": "1", "ce-source": "s", "ce-specversion": "1.0", "ce-kind": kind}
    event |= {
        "ce-type": data.draw(st.sampled_from(["dev.knative.apiserver.resource.update", "dev.knative.sources.ping"]))
    }
    event |= {"ce-namespace": metadata["namespace"], "ce-name": metadata["name"]}
    functions.kube.served[plural] = data.draw(strategies.broken(functions.examples[kind]))
    try:
        answer = functions.ask(kind, "POST", "/", event, b"")
    finally:
        _restore(functions, plural)
    assert answer.status_code in {200, 204, 503}


def _restore(functions: Functions, plural: str) -> None:
    del functions.kube.served[plural]
