"""The render gate: which rows it holds back, with which words, and what it costs to ask it again."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared import charts
from shared.argocd import Chart
from shared.drafts import Draft, Hold
from shared.git import Repository
from shared.rendering.gate import MAX_VERDICTS, PATIENCE, RENDER_FAILED, Gate
from shared.rendering.process import Process
from shared.rendering.sources import CHART_MISSING, Sources
from shared.rendering.trial import Trial, Verdict
from shared.rendering.wanted import Wanted
from tests.shared.git.backend import Backend
from tests.shared.rendering.conftest import CHART, ORGANIZATION, Publish
from tests.shared.rendering.test_sources import TAG, Clock, Registry, Repositories, requests

ROOT = Path(__file__).parents[3]


class Counting:
    """A renderer that counts, and may be told what to say."""

    def __init__(self, verdict: Verdict | None = None, inner: Process | None = None) -> None:
        self.verdict = verdict
        self.inner = inner
        self.trials: list[Trial] = []

    def run(self, trial: Trial) -> Verdict:
        self.trials.append(trial)
        if self.verdict is not None or self.inner is None:
            return self.verdict or Verdict("renders")
        return self.inner.run(trial)


@pytest.fixture(scope="module")
def engine() -> Iterator[Process]:
    running = Process()
    yield running
    running.close()


@pytest.fixture
def build(repository: Repositories, engine: Process) -> Callable[..., Gate]:
    def made(renderer: Counting | None = None, clock: Clock | None = None, registry: Registry | None = None) -> Gate:
        sources = Sources(repository, registry, embedded={}, clock=clock or Clock())
        return Gate(sources, renderer or Counting(inner=engine), clock=clock or Clock())

    return made


def wanted(chart: str = "small", values: str = "replicas: 1\n", revision: str = TAG, row: str = "shop") -> Wanted:
    return Wanted(row, Chart(chart, revision), "charts", f"dev-{row}", "dev", values.encode())


def test_what_does_not_render_is_held_back_and_its_neighbours_go_on(
    build: Callable[..., Gate], publish: Publish
) -> None:
    publish({"small": CHART}, TAG)
    gate = build()

    bad = gate.judge(ORGANIZATION, wanted(values="replicas: 5000\n"), "applications[0]")
    good = gate.judge(ORGANIZATION, wanted(row="good"), "applications[1]")

    helm = "(helm: small: - at '/replicas': maximum: got 5,000, want 100)"
    assert bad == Hold(RENDER_FAILED, f"applications[0].values.replicas: 5000 is above 100 {helm}")
    assert good is None


def test_the_rows_of_a_draft_by_their_places(build: Callable[..., Gate], publish: Publish) -> None:
    """What is held already is not rendered, and what the claim does not name is none of its rows."""
    publish({"small": CHART}, TAG)
    names = ["good", "held", "bad", "external"]
    draft = Draft(folders={name: {"values.yaml": b""} for name in ("good", "bad", "other")})
    draft.held["held"] = Hold("TagNotFound", "no such tag")
    rows = {name: wanted(row=name, values="replica: 2\n" if name != "good" else "") for name in names[:3]}

    build().hold_back(ORGANIZATION, draft, "applications", names, rows)

    assert set(draft.folders) == {"good", "other"}
    assert draft.held["held"] == Hold("TagNotFound", "no such tag")
    assert draft.held["bad"].reason == RENDER_FAILED
    assert draft.held["bad"].message.startswith("applications[2].values.replica: is not known to the chart")


def test_the_message_alone(build: Callable[..., Gate], publish: Publish) -> None:
    publish({"small": CHART}, TAG)
    gate = build()

    said = gate.check(ORGANIZATION, wanted(values="replica: 2\n"), "applications[3]")

    assert said is not None
    assert said.startswith("applications[3].values.replica: is not known to the chart; did you mean replicas? (helm: ")
    assert gate.check(ORGANIZATION, wanted(), "applications[3]") is None


def test_a_chart_that_is_not_there(build: Callable[..., Gate], publish: Publish) -> None:
    publish({"small": CHART}, TAG)
    renderer = Counting()

    held = build(renderer).judge(ORGANIZATION, wanted("smal"), "applications[0]")

    there = f'there is no chart "smal" in charts at {TAG}; there are: small'
    assert held == Hold(CHART_MISSING, f"applications[0].chart: {there}")
    assert renderer.trials == []


def test_a_chart_whose_output_is_no_kubernetes_object(build: Callable[..., Gate], publish: Publish) -> None:
    publish({"small": CHART | {"templates/b.yaml": b"kind: {{ .Release.Name }}\n"}}, TAG)

    held = build().judge(ORGANIZATION, wanted(), "services[1]")

    helm = "(helm: small/templates/b.yaml has no apiVersion)"
    assert held == Hold(RENDER_FAILED, f"services[1].chart: what it renders is no Kubernetes object {helm}")


def test_a_chart_that_asks_the_cluster_is_held_by_its_schema_alone(
    build: Callable[..., Gate], publish: Publish
) -> None:
    """ArgoCD tells Helm what the cluster can; here nobody knows."""
    asks = b'{{ if not (.Capabilities.APIVersions.Has "example.com/v1") }}{{ fail "no operator" }}{{ end }}'
    publish({"small": CHART | {"templates/b.yaml": asks}}, TAG)
    gate = build()

    assert gate.judge(ORGANIZATION, wanted(), "applications[0]") is None
    assert gate.judge(ORGANIZATION, wanted(values="replicas: 101\n"), "applications[0]") is not None


def test_an_infrastructure_claims_values_are_its_spec(build: Callable[..., Gate], publish: Publish) -> None:
    publish({"small": CHART}, TAG)

    held = build().judge(ORGANIZATION, wanted(values="namespaces: []\n"), "")
    missing = build().judge(ORGANIZATION, wanted("none"), "")

    assert held is not None
    assert held.message.startswith("namespaces: is not known to the chart (helm: ")
    assert missing is not None
    assert missing.message.startswith("chart: there is no chart")


def test_a_rendering_is_remembered(build: Callable[..., Gate], publish: Publish, backend: Backend) -> None:
    """By chart and values: what was rehearsed costs neither Git nor Helm under the lock."""
    publish({"small": CHART, "same": CHART}, TAG)
    renderer = Counting()
    gate = build(renderer)
    rows = [wanted(row=f"row{number}", values=f"replicas: {10 + number}\n") for number in range(5)]

    gate.rehearse(ORGANIZATION, rows)
    assert len(renderer.trials) == 5
    requests(backend)
    for index, row in enumerate(rows):
        assert gate.judge(ORGANIZATION, row, f"applications[{index}]") is None
    assert len(renderer.trials) == 5
    assert requests(backend) == 0

    gate.judge(ORGANIZATION, wanted(row="row0", values="replicas: 2\n"), "applications[0]")
    assert len(renderer.trials) == 6
    gate.judge(ORGANIZATION, wanted("same", row="row0", values="replicas: 2\n"), "applications[0]")  # the same content
    assert len(renderer.trials) == 6

    again = [wanted(row=f"other{number}", values="replicas: 2\n") for number in range(5)]
    gate.rehearse(ORGANIZATION, again)
    assert len(renderer.trials) == 6, "an embedded chart takes nothing but names from the release"
    teams = [wanted(row=f"team{number}", values="replicas: 2\n", revision="main") for number in range(5)]
    gate.rehearse(ORGANIZATION, teams)
    assert len(renderer.trials) == 11, "a chart of a team's own may look at its release"


def test_a_refusal_is_remembered_and_told_by_each_claims_own_place(
    build: Callable[..., Gate], publish: Publish
) -> None:
    publish({"small": CHART}, TAG)
    gate = build()
    row = wanted(values="replicas: 101\n")

    said = [gate.check(ORGANIZATION, row, f"applications[{index}]") for index in range(2)]

    assert [str(one).partition(" (")[0] for one in said] == [
        "applications[0].values.replicas: 101 is above 100",
        "applications[1].values.replicas: 101 is above 100",
    ]


def test_memory_of_renderings_is_bounded(build: Callable[..., Gate], publish: Publish) -> None:
    publish({"small": CHART}, TAG)
    renderer = Counting()
    gate = build(renderer)
    rows = [wanted(values=f"replicas: {number}\n") for number in range(MAX_VERDICTS + 10)]

    gate.rehearse(ORGANIZATION, rows)
    renderer.trials.clear()
    gate.rehearse(ORGANIZATION, list(reversed(rows)))

    assert len(renderer.trials) == 10


def test_what_cannot_be_rendered_here_is_not_held_and_tried_again_later(
    build: Callable[..., Gate], publish: Publish
) -> None:
    publish({"small": CHART}, TAG)
    clock, renderer = Clock(), Counting(Verdict("unknown", "takes too long"))
    gate = build(renderer, clock)

    for _ in range(3):
        assert gate.judge(ORGANIZATION, wanted(), "applications[0]") is None
    assert len(renderer.trials) == 1
    clock.now += PATIENCE + 1
    gate.judge(ORGANIZATION, wanted(), "applications[0]")
    assert len(renderer.trials) == 2


def test_a_gitea_that_is_down_holds_nobody(build: Callable[..., Gate], backend: Backend) -> None:
    backend.fault = lambda method, target: (503, "not now")
    gate = build()

    gate.prepare(ORGANIZATION, [("charts", Chart("small", TAG))])

    assert gate.judge(ORGANIZATION, wanted(), "applications[0]") is None


def test_without_an_engine_the_gate_is_off_and_says_so(
    repository: Callable[[str, str], Repository], backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        gate = Gate(Sources(repository, embedded={}), None)

    assert not gate.is_on
    assert gate.describe() == (
        "off: helm-python-sdk is not installed: what claims come to is not rendered before it is committed"
    )
    assert "the render gate is off" in caplog.text
    gate.rehearse(ORGANIZATION, [wanted()])
    assert gate.judge(ORGANIZATION, wanted(), "applications[0]") is None
    assert requests(backend) == 0


def test_an_engine_that_does_not_load_turns_the_gate_off_for_a_while(
    build: Callable[..., Gate], publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    publish({"small": CHART}, TAG)
    clock, renderer = Clock(), Counting(Verdict("broken", "no such library"))
    gate = build(renderer, clock)
    assert gate.is_on
    assert gate.describe() == "on"

    with caplog.at_level(logging.ERROR):
        assert gate.judge(ORGANIZATION, wanted(), "applications[0]") is None
        assert gate.judge(ORGANIZATION, wanted(row="other"), "applications[0]") is None

    assert len(renderer.trials) == 1
    assert not gate.is_on
    assert gate.describe().startswith("off: no such library: ")
    assert caplog.text.count("the render gate is off") == 1

    clock.now += PATIENCE + 1
    renderer.verdict = Verdict("renders")
    gate.judge(ORGANIZATION, wanted(), "applications[0]")
    assert gate.describe() == "on"


def test_the_installed_engine_is_found(repository: Repositories) -> None:
    assert Gate.build(Sources(repository, embedded={})).describe() == "on"


def test_the_embedded_charts_render_as_they_are_published(repository: Repositories, engine: Process) -> None:
    """Each with nothing but an image, from this installation's own copy."""
    sources = Sources(repository, embedded={name: ROOT / name for name in ("charts", "platform-charts")})
    gate = Gate(sources, engine)
    for name in ("charts", "platform-charts"):
        found = charts.read(ROOT / name)
        revision = charts.revision(found)
        values = b"image: {repository: ghcr.io/acme/shop, tag: v1}\n" if name == "charts" else b""
        for chart in found:
            row = Wanted("a", Chart(chart, revision), name, f"dev-{chart}", "dev", values)
            assert gate.judge(ORGANIZATION, row, "applications[0]") is None
            long = Wanted("a", Chart(chart, revision), name, "r" * 53, "n" * 63, values + b"\n")
            assert gate.judge(ORGANIZATION, long, "applications[0]") is None, "nor does it look at them"
            bad = Wanted("a", Chart(chart, revision), name, f"dev-{chart}", "dev", values + b"nonsense: 1\n")
            assert gate.judge(ORGANIZATION, bad, "applications[0]") is not None, chart
