"""What does not render is not committed: that row alone, in the claim's own terms."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from shared.rendering.gate import RENDER_FAILED, Gate
from shared.rendering.process import Process
from shared.rendering.sources import CHART_MISSING, Sources
from shared.rendering.trial import Trial, Verdict
from tests.functions.gitea import ROOT
from tests.functions.platform import Platform, example

CHART = {
    "Chart.yaml": b"apiVersion: v2\nname: own\nversion: 1.0.0\n",
    "templates/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ required `name a host` .Values.host }}}",
}


class Counting:
    """The engine, and how often it was asked."""

    def __init__(self, inner: Process) -> None:
        self.inner = inner
        self.trials: list[Trial] = []

    def run(self, trial: Trial) -> Verdict:
        self.trials.append(trial)
        return self.inner.run(trial)


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    running = Process()
    yield running
    running.close()


@pytest.fixture
def engine(process: Process) -> Counting:
    return Counting(process)


@pytest.fixture
def gated(platform: Platform, engine: Counting) -> Platform:
    """The seed's platform with the gate in front of it, which takes the charts from Gitea."""
    platform.gate = Gate(Sources(platform.repository, embedded={}), engine)
    platform.bootstrap()
    return platform


def applications(*rows: dict[str, Any]) -> dict[str, Any]:
    """The seed's ApplicationClaim with other rows; each says what differs from a web service."""
    claim = example("dev/dev-apps-claim.yaml")
    common = {"chart": {"name": "web-service"}, "image": {"repository": "ghcr.io/acme/shop", "tag": "v1"}, "values": {}}
    claim["spec"]["applications"] = [common | {"name": f"app{number}"} | row for number, row in enumerate(rows)]
    return claim


def rows(claim: dict[str, Any], kind: str = "applications") -> dict[str, tuple[str, str, str]]:
    """Row → state, reason and message without Helm's own."""
    return {
        row["name"]: (row["state"], row["reason"], (row.get("message") or "").partition(" (helm: ")[0])
        for row in claim["status"][kind]
    }


def condition(claim: dict[str, Any], kind: str) -> tuple[str, str]:
    (found,) = [one for one in claim["status"]["conditions"] if one["type"] == kind]
    return found["status"], found["reason"]


COMMITTED = ("Committed", "Committed", "")


def test_the_seeds_claims_render(gated: Platform, engine: Counting) -> None:
    platform = gated.apply(example("dev/dev-platform-claim.yaml"))
    claim = gated.apply(example("dev/dev-apps-claim.yaml"))

    assert {state for state, _, _ in rows(platform, "services").values()} == {"Committed"}
    assert {state for state, _, _ in rows(claim).values()} == {"Committed"}
    assert len(engine.trials) == 4


def test_what_does_not_render_is_held_back_and_its_neighbours_go_on(gated: Platform) -> None:
    claim = gated.apply(applications({}, {"values": {"replicas": 5000}}, {"values": {"replica": 2}}))

    assert rows(claim) == {
        "app0": COMMITTED,
        "app1": ("Held", RENDER_FAILED, "applications[1].values.replicas: 5000 is above 100"),
        "app2": (
            "Held",
            RENDER_FAILED,
            "applications[2].values.replica: is not known to the chart; did you mean replicas?",
        ),
    }
    message = claim["status"]["applications"][1]["message"]
    assert message.endswith("(helm: web-service: - at '/replicas': maximum: got 5,000, want 100)")
    assert condition(claim, "Ready") == ("False", RENDER_FAILED)
    assert "environments/nonprod/dev/applications/app0/values.yaml" in gated.tree()
    assert "environments/nonprod/dev/applications/app1/values.yaml" not in gated.tree()


def test_a_committed_row_stays_as_it_is_until_its_values_render_again(gated: Platform) -> None:
    path = "environments/nonprod/dev/applications/app0/values.yaml"
    claim = gated.apply(applications({"values": {"replicas": 2}}))
    before = gated.file(path)

    held = gated.apply(claim, applications=applications({"values": {"replicas": 5000}})["spec"]["applications"])
    assert rows(held)["app0"][:2] == ("Held", RENDER_FAILED)
    assert gated.file(path) == before

    mended = gated.apply(held, applications=applications({"values": {"replicas": 50}})["spec"]["applications"])
    assert rows(mended) == {"app0": COMMITTED}
    assert "replicas: 50" in gated.file(path)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"chart": {"name": "no-such-chart"}}, id="a chart that is not there"),
        pytest.param({"chart": {"name": "worker"}, "values": {"ingress": {"enabled": True}}}, id="another's values"),
    ],
)
def test_what_is_held_back_keeps_its_chart(gated: Platform, change: dict[str, Any]) -> None:
    """The old values were never meant for the new chart. Its neighbours change theirs."""
    both = {"values": {"replicas": 2}}
    claim = gated.apply(applications(both, both))
    path = "appsets/nonprod/apps/dev-appset.yaml"
    before = gated.file(path)
    values = gated.file("environments/nonprod/dev/applications/app0/values.yaml")

    held = gated.apply(claim, applications=applications(both | change, both)["spec"]["applications"])
    assert rows(held)["app0"][0] == "Held"
    assert gated.file(path) == before
    assert gated.file("environments/nonprod/dev/applications/app0/values.yaml") == values

    other = {"chart": {"name": "worker"}}
    changed = gated.apply(held, applications=applications(both | change, both | other)["spec"]["applications"])
    assert rows(changed)["app1"] == COMMITTED
    lookup = yaml.safe_load(gated.file(path))["spec"]["template"]["spec"]["sources"][0]["path"]
    assert '"app0" "web-service" "app1" "worker"' in lookup

    mended = gated.apply(changed, applications=applications(both | other, both | other)["spec"]["applications"])
    assert rows(mended) == {"app0": COMMITTED, "app1": COMMITTED}
    lookup = yaml.safe_load(gated.file(path))["spec"]["template"]["spec"]["sources"][0]["path"]
    assert '"app0" "worker" "app1" "worker"' in lookup


def test_a_second_look_renders_nothing(gated: Platform, engine: Counting) -> None:
    """Under the lock, too, everything was rendered before it: each row once for each of its values."""
    claim = gated.apply(applications({}, {"values": {"replicas": 5000}}))
    commits, trials = gated.commits(), len(engine.trials)
    assert trials == 2

    again = gated.apply(claim)

    assert again["status"] == claim["status"]
    assert (gated.commits(), len(engine.trials)) == (commits, trials)


def test_a_chart_that_is_not_there(gated: Platform) -> None:
    claim = gated.apply(applications({"chart": {"name": "web-servic"}}, {}))

    state, reason, message = rows(claim)["app0"]
    assert (state, reason) == ("Held", CHART_MISSING)
    assert message.startswith('applications[0].chart: there is no chart "web-servic" in charts at embedded-')
    assert message.endswith(
        "there are: cron-job, ecommerce-platform, order-service, product-service, user-service, web-service, worker"
    )
    assert rows(claim)["app1"] == COMMITTED


def test_a_teams_own_chart(gated: Platform) -> None:
    with gated.repository(gated.organization, "charts").transaction() as git:
        git.commit({"own": CHART}, "our chart\n")
        git.push()
    own = {"chart": {"name": "own", "source": "repository"}}

    claim = gated.apply(applications(own, own | {"values": {"host": "a"}}))

    assert rows(claim) == {
        "app0": ("Held", RENDER_FAILED, "applications[0].values: name a host"),
        "app1": COMMITTED,
    }


def test_a_service(gated: Platform) -> None:
    platform = example("dev/dev-platform-claim.yaml")
    for service in platform["spec"]["services"]:
        service["values"] = {"replicaCount": 0} if service["name"] == "rabbitmq" else {}

    services = rows(gated.apply(platform), "services")

    assert services["rabbitmq"] == ("Held", RENDER_FAILED, "services[1].values.replicaCount: 0 is below 1")
    assert services["postgres"] == COMMITTED


def test_namespaces_are_rendered_one_by_one(gated: Platform, engine: Counting) -> None:
    """The claim's own rules refuse first whatever the chart would."""
    infrastructure = example("dev/dev-infrastructure-claim.yaml")
    infrastructure["spec"]["namespaces"].append({"name": "fine"})

    spaces = rows(gated.apply(infrastructure), "namespaces")

    assert set(spaces.values()) == {COMMITTED}
    assert len(engine.trials) == len(spaces)
    assert {trial.release for trial in engine.trials} == {"dev-platform-namespaces"}


def test_a_gitea_without_charts_holds_nobody(platform: Platform, engine: Counting) -> None:
    """What cannot be told is no fault of the claim's."""
    platform.bootstrap()
    elsewhere = Sources(lambda _, name: platform.repository("nobody", name), embedded={})
    platform.gate = Gate(elsewhere, engine)

    claim = platform.apply(applications({"values": {"replicas": 5000}}))

    assert rows(claim) == {"app0": COMMITTED}


def test_our_own_copy_is_the_published_one(platform: Platform, engine: Counting) -> None:
    """So that the charts need not be asked for."""
    platform.bootstrap()
    nowhere = Sources(lambda _, name: platform.repository("nobody", name), embedded={"charts": ROOT / "charts"})
    platform.gate = Gate(nowhere, engine)

    claim = platform.apply(applications({"values": {"replicas": 5000}}))

    assert rows(claim)["app0"][:2] == ("Held", RENDER_FAILED)
