"""Charts by where they come from: our own copy, Gitea at a tag or at main, a registry."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shared import charts
from shared.argocd import Chart
from shared.errors import Forbidden, RegistryUnavailable
from shared.git import Repository
from shared.oci import ChartMissing, HostNotAllowed
from shared.rendering.package import MAX_BYTES
from shared.rendering.sources import MAX_CHARTS, MAX_KEPT, MOVING, VERSION, Files, Missing, Sources, Unknown
from tests.shared.git.backend import Backend
from tests.shared.rendering.conftest import CHART, ORGANIZATION, Publish
from tests.shared.rendering.test_package import packed

Repositories = Callable[[str, str], Repository]
TAG = "embedded-0123456789ab"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Registry:
    """Answers what it is told to, and counts."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, str]] = []

    def pull(self, registry: str, name: str, version: str) -> bytes:
        self.asked.append((registry, name, version))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def requests(backend: Backend) -> int:
    count = len(backend.exchanges)
    backend.exchanges.clear()
    return count


def test_a_chart_at_a_tag_is_fetched_once(repository: Repositories, publish: Publish, backend: Backend) -> None:
    publish({"small": CHART}, TAG)
    publish({"small": CHART | {"values.yaml": b"newer: 1\n"}})
    clock = Clock()
    sources = Sources(repository, embedded={}, clock=clock)

    sources.fetch(ORGANIZATION, [("charts", Chart("small", TAG))])
    requests(backend)
    clock.now += 1e6
    sources.fetch(ORGANIZATION, [("charts", Chart("small", TAG))])

    assert sources.get(ORGANIZATION, "charts", Chart("small", TAG)) == Files(CHART)
    assert requests(backend) == 0


def test_our_own_copy_costs_nothing(repository: Repositories, backend: Backend, tmp_path: Path) -> None:
    own = tmp_path / "charts"
    for path, data in CHART.items():
        file = own / "small" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    revision = charts.revision(charts.read(own))
    sources = Sources(repository, embedded={"charts": own})
    requests(backend)

    assert sources.get(ORGANIZATION, "charts", Chart("small", revision)) == Files(CHART)
    assert requests(backend) == 0


def test_our_own_copy_is_not_what_another_installation_published(
    repository: Repositories, publish: Publish, tmp_path: Path
) -> None:
    """Two installations share a Gitea, and this one was upgraded first."""
    own = tmp_path / "charts" / "small"
    own.mkdir(parents=True)
    (own / "Chart.yaml").write_bytes(CHART["Chart.yaml"])
    publish({"small": CHART}, TAG)
    sources = Sources(repository, embedded={"charts": tmp_path / "charts"})

    assert sources.get(ORGANIZATION, "charts", Chart("small", TAG)) == Files(CHART)


def test_a_folder_of_the_teams_is_looked_at_again(repository: Repositories, publish: Publish, backend: Backend) -> None:
    """After a while, and by one request while nobody pushed."""
    chart, clock = Chart("team", "main"), Clock()
    publish({"team": CHART})
    sources = Sources(repository, embedded={}, clock=clock)
    sources.fetch(ORGANIZATION, [("charts", chart)])
    requests(backend)
    sources.fetch(ORGANIZATION, [("charts", chart)])
    assert requests(backend) == 0
    publish({"team": CHART | {"values.yaml": b"newer: 1\n"}})
    assert sources.get(ORGANIZATION, "charts", chart) == Files(CHART)

    clock.now += MOVING + 1
    assert sources.get(ORGANIZATION, "charts", chart) == Files(CHART)  # whoever judges fetches nothing
    sources.fetch(ORGANIZATION, [("charts", chart)])
    assert sources.get(ORGANIZATION, "charts", chart) == Files(CHART | {"values.yaml": b"newer: 1\n"})

    clock.now += MOVING + 1
    requests(backend)
    sources.fetch(ORGANIZATION, [("charts", chart)])
    assert requests(backend) == 1


def test_what_one_look_costs_for_many_charts(repository: Repositories, publish: Publish, backend: Backend) -> None:
    names = [f"chart{number}" for number in range(12)]
    publish(dict.fromkeys(names, CHART), TAG)
    requests(backend)
    sources = Sources(repository, embedded={})

    sources.fetch(ORGANIZATION, [("charts", Chart(name, TAG)) for name in names])
    few = requests(backend)

    assert all(sources.get(ORGANIZATION, "charts", Chart(name, TAG)) == Files(CHART) for name in names)
    assert requests(backend) == 0
    assert few <= 8


def test_a_chart_that_is_not_there_names_those_that_are(repository: Repositories, publish: Publish) -> None:
    publish({"small": CHART, "other": CHART, "notes": {"README.md": b"no chart"}, ".ci": {"run": b"x"}}, TAG)
    publish({"late": CHART})
    sources = Sources(repository, embedded={})

    def found(name: str, revision: str) -> object:
        return sources.get(ORGANIZATION, "charts", Chart(name, revision))

    there = "there are: notes, other, small"
    assert found("smal", TAG) == Missing(f'there is no chart "smal" in charts at {TAG}; {there}')
    assert found("late", TAG) == Missing(f'there is no chart "late" in charts at {TAG}; {there}')
    assert found("late", "main") == Files(CHART)
    assert found("notes", "main") == Missing('"notes" in charts at main is no Helm chart: it has no Chart.yaml')


def test_a_chart_that_appears_is_found_after_a_while(repository: Repositories, publish: Publish) -> None:
    clock, chart = Clock(), Chart("team", "main")
    publish({"small": CHART})
    sources = Sources(repository, embedded={}, clock=clock)
    assert isinstance(sources.get(ORGANIZATION, "charts", chart), Missing)
    publish({"team": CHART})

    clock.now += MOVING + 1
    sources.fetch(ORGANIZATION, [("charts", chart)])

    assert sources.get(ORGANIZATION, "charts", chart) == Files(CHART)


@pytest.mark.parametrize(
    ("revision", "files", "message"),
    [
        pytest.param("embedded-none", CHART, "charts has no embedded-none yet", id="no such tag"),
        pytest.param("main", CHART | {"big": bytes(MAX_BYTES + 1)}, "more than", id="too large"),
        pytest.param("main", CHART | {"charts/a.tgz": b"no archive"}, "damaged", id="a damaged dependency"),
    ],
)
def test_what_cannot_be_told(
    repository: Repositories, publish: Publish, revision: str, files: dict[str, bytes], message: str
) -> None:
    publish({"team": files})

    found = Sources(repository, embedded={}).get(ORGANIZATION, "charts", Chart("team", revision))

    assert isinstance(found, Unknown)
    assert message in found.message


def test_links_are_not_followed(repository: Repositories, backend: Backend) -> None:
    stream = (
        b"commit refs/heads/main\ncommitter x <x@example.com> 1700000000 +0000\ndata 1\nx\n"
        b"M 100644 inline team/Chart.yaml\ndata 1\n1\nM 120000 inline team/templates\ndata 9\n../../etc\n"
    )
    target = str(backend.path(f"{ORGANIZATION}/charts"))
    subprocess.run(["git", "-C", target, "fast-import", "--quiet"], input=stream, check=True)

    found = Sources(repository, embedded={}).get(ORGANIZATION, "charts", Chart("team", "main"))

    assert found == Unknown("it holds links or submodules: templates")


def test_a_gitea_that_does_not_answer_says_nothing_of_charts(repository: Repositories, backend: Backend) -> None:
    backend.fault = lambda method, target: (503, "not now")
    clock, chart = Clock(), Chart("team", "main")
    sources = Sources(repository, embedded={}, clock=clock)

    sources.fetch(ORGANIZATION, [("charts", chart)])
    assert isinstance(sources.get(ORGANIZATION, "charts", chart), Unknown)
    requests(backend)
    sources.fetch(ORGANIZATION, [("charts", chart)])
    assert requests(backend) == 0

    assert isinstance(sources.get("nobody", "charts", chart), Unknown)


def test_a_version_in_a_registry_is_pulled_once_in_a_while(repository: Repositories) -> None:
    registry, clock = Registry(packed(CHART)), Clock()
    chart = Chart("small", "1.0.0", "ghcr.io/acme/charts")
    sources = Sources(repository, registry, embedded={}, clock=clock)

    for _ in range(3):
        sources.fetch(ORGANIZATION, [("charts", chart)])
    assert sources.get(ORGANIZATION, "charts", chart) == Files(CHART)
    assert registry.asked == [("ghcr.io/acme/charts", "small", "1.0.0")]

    clock.now += VERSION + 1
    sources.fetch(ORGANIZATION, [("charts", chart)])
    assert len(registry.asked) == 2


@pytest.mark.parametrize(
    ("answer", "expected", "why"),
    [
        (ChartMissing("no version 2"), Missing("no version 2"), "the registry says so"),
        (
            HostNotAllowed("not allowed"),
            Missing("not allowed", "RegistryNotAllowed"),
            "this installation says so, whatever ArgoCD does",
        ),
        (Forbidden("private"), Unknown("ghcr.io/acme/small 1 cannot be read: private"), "ArgoCD may have a password"),
        (RegistryUnavailable("down"), Unknown("ghcr.io/acme/small 1 cannot be read: down"), "it may be up again"),
        (b"", Unknown("ghcr.io/acme/small 1 cannot be read: the archive is damaged, or none"), "no archive"),
    ],
)
def test_what_a_registry_says(
    repository: Repositories, answer: bytes | Exception, expected: Missing | Unknown, why: str
) -> None:
    sources = Sources(repository, Registry(answer), embedded={})

    assert sources.get(ORGANIZATION, "charts", Chart("small", "1", "ghcr.io/acme")) == expected, why


def test_without_registries_their_charts_are_unknown(repository: Repositories) -> None:
    """The platform function: its services' charts are all in Gitea."""
    found = Sources(repository, embedded={}).get(ORGANIZATION, "charts", Chart("small", "1", "ghcr.io/acme"))

    assert isinstance(found, Unknown)


@pytest.mark.parametrize(("size", "kept"), [(10, MAX_CHARTS), (MAX_KEPT // 4, 3)])
def test_charts_that_are_kept_are_bounded_in_number_and_size(repository: Repositories, size: int, kept: int) -> None:
    registry = Registry(packed(CHART | {"big": bytes(size)}))
    sources = Sources(repository, registry, embedded={})
    wanted = [("charts", Chart("small", str(version), "ghcr.io/acme")) for version in range(MAX_CHARTS + 6)]

    sources.fetch(ORGANIZATION, wanted)
    registry.asked.clear()
    for repository_name, chart in reversed(wanted):
        assert isinstance(sources.get(ORGANIZATION, repository_name, chart), Files)

    assert len(registry.asked) == len(wanted) - kept
