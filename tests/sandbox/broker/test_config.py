"""What `triggers.yaml` may say."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.broker.config import BrokerConfig, Delivery, Trigger, load
from sandbox.broker.filters import Filter

GOOD = """
delivery: {retry: 2}
triggers:
  - name: a
    filter: {attributes: {type: t, kind: ApplicationClaim}}
    subscriber: {uri: "http://127.0.0.1:8081/"}
    delivery: {retry: 10, backoffPolicy: exponential, backoffDelay: PT0.2S, timeout: PT60S}
  - {name: b, subscriber: {uri: "http://127.0.0.1:8082/"}}
"""


@pytest.mark.parametrize(
    ("delivery", "pauses", "why"),
    [
        ({"backoffPolicy": "exponential", "backoffDelay": "PT0.2S"}, [0.2, 0.4, 0.8, 1.6], "doubled each time"),
        ({"backoffPolicy": "linear", "backoffDelay": "PT0.2S"}, [0, 0.2, 0.4, 0.6], "times the number of tries so far"),
        ({"backoffPolicy": "linear"}, [0, 0, 0, 0], "no delay, no pause"),
        ({"backoffDelay": "PT1M"}, [0, 0, 0, 0], "no policy, no pause"),
        ({}, [0, 0, 0, 0], "neither"),
    ],
)
def test_pauses(delivery: dict[str, Any], pauses: list[float], why: str) -> None:
    """kncloudevents/retries.go, seen in the recording too."""
    model = Delivery.model_validate(delivery)
    assert [model.pause(tries) for tries in range(4)] == pytest.approx(pauses), why


def test_a_triggers_delivery_replaces_the_brokers_wholesale(tmp_path: Path) -> None:
    """Nothing of the broker's is mixed in, as with a Trigger."""
    path = tmp_path / "triggers.yaml"
    path.write_text(GOOD)
    config = load(path)
    own, inherited = (config.delivery_of(trigger) for trigger in config.triggers)
    assert (own.retry, own.limit(), own.pause(0)) == (10, 60.0, 0.2)
    assert (inherited.retry, inherited.pause(0)) == (2, 0.0)


def test_without_any_delivery_knatives_default_holds() -> None:
    """Ten retries, exponential, from 0.2 s: what config-br-defaults writes into a Broker."""
    default = BrokerConfig().delivery
    assert (default.retry, default.pause(0), default.pause(9)) == (10, 0.2, pytest.approx(102.4))


@pytest.mark.parametrize(
    ("filters", "passes", "why"),
    [
        ({}, True, "no filter wants everything"),
        ({"type": "t"}, True, "the same value"),
        ({"type": "T"}, False, "case counts"),
        ({"type": "t", "kind": "Other"}, False, "all attributes must match"),
        ({"subject": ""}, False, "the empty value wants the attribute to be there"),
        ({"kind": ""}, True, "and is content with any value"),
    ],
)
def test_filter(filters: dict[str, str], passes: bool, why: str) -> None:
    """Exact matches of attributes."""
    assert Filter(attributes=filters).passes({"type": "t", "kind": "ApplicationClaim"}) is passes, why


TYPE = "io.infraforge.gitea.push"


@pytest.mark.parametrize(
    ("filters", "wanted", "why"),
    [
        ([{"exact": {"type": TYPE}}], True, "the same value"),
        ([{"exact": {"type": TYPE, "kind": "Other"}}], False, "each attribute of one dialect must match"),
        ([{"prefix": {"type": "io.infraforge.gitea."}}], True, "it begins so"),
        ([{"prefix": {"type": "infraforge"}}], False, "it only holds the text"),
        ([{"suffix": {"type": ".push"}}], True, "it ends so"),
        ([{"suffix": {"type": ".pull"}}], False, "it ends otherwise"),
        ([{"prefix": {"subject": "a"}}], False, "an attribute that is missing matches nothing"),
        ([{"any": [{"exact": {"type": "t"}}, {"prefix": {"type": "io."}}]}], True, "one of them is enough"),
        ([{"any": [{"exact": {"type": "t"}}, {"suffix": {"type": "t"}}]}], False, "none of them holds"),
        ([{"all": [{"exact": {"type": TYPE}}, {"exact": {"kind": "A"}}]}], True, "both hold"),
        ([{"all": [{"exact": {"type": TYPE}}, {"exact": {"kind": "B"}}]}], False, "one does not"),
        ([{"not": {"exact": {"kind": "B"}}}], True, "the opposite"),
        ([{"not": {"not": {"exact": {"kind": "B"}}}}], False, "and the opposite of that"),
        ([{"exact": {"type": TYPE}}, {"exact": {"kind": "B"}}], False, "the list as a whole must hold"),
    ],
)
def test_filters(filters: list[Any], wanted: bool, why: str) -> None:
    """Knative's dialects; a Trigger with `filters` ignores its `filter`."""
    document = {"name": "a", "subscriber": {"uri": "http://a/"}, "filter": {"attributes": {"type": "never"}}}
    trigger = Trigger.model_validate(document | {"filters": filters})
    assert trigger.wants({"type": TYPE, "kind": "A"}) is wanted, why


def test_without_filters_the_filter_counts() -> None:
    """An empty list is none."""
    document = {"name": "a", "subscriber": {"uri": "http://a/"}, "filter": {"attributes": {"type": "t"}}}
    trigger = Trigger.model_validate(document | {"filters": []})
    assert (trigger.wants({"type": "t"}), trigger.wants({"type": "u"})) == (True, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("triggers: [", "is not YAML"),
        ("triggers: [{name: a}]", r"triggers\.0\.subscriber"),
        ("triggers: [{name: A, subscriber: {uri: 'http://a/'}}]", r"triggers\.0\.name"),
        ("triggers: [{name: a, subscriber: {uri: 'a/b'}}]", r"triggers\.0\.subscriber\.uri"),
        ("triggers: [{name: a, subscriber: {uri: 'http://a/'}, ceOverrides: {}}]", r"triggers\.0\.ceOverrides"),
        ("triggers: [{name: a, subscriber: {uri: 'http://a/'}, filters: [{cesql: 'a'}]}]", r"filters\.0\.cesql"),
        ("triggers: [{name: a, subscriber: {uri: 'http://a/'}, filters: [{exact: {}}]}]", r"filters\.0\.exact"),
        ("triggers: [{name: a, subscriber: {uri: 'http://a/'}, filters: [{}]}]", "exactly one of exact, prefix"),
        ("delivery: {retryAfterMax: PT5S}", r"delivery\.retryAfterMax"),
        ("delivery: {timeout: PT0S}", "must be longer than nothing"),
        ("delivery: {backoffDelay: soon}", r"delivery\.backoffDelay"),
        (
            "triggers: [{name: a, subscriber: {uri: 'http://a/'}}, {name: a, subscriber: {uri: 'http://b/'}}]",
            "two triggers are called a",
        ),
    ],
)
def test_refused(tmp_path: Path, text: str, message: str) -> None:
    """The field at fault is named, by the name that the file has."""
    path = tmp_path / "triggers.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load(path)
