"""The Applications of a set, as ArgoCD would make them, and what Helm makes of them."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cli.clone import Clone
from cli.history.source import opened
from cli.plan.charts import CHARTS, Cloned, Library
from cli.plan.rendering import Asked, Renderer
from cli.plan.tree import Tree
from cli.plan.workloads import Unreadable, Workload, workloads
from shared.argocd import Chart, Layout, Workloads, application_set
from shared.canonical import yaml_bytes
from shared.environments import Environment
from shared.git import Contents, Limits
from shared.helm import Engine
from shared.oci import ChartMissing
from shared.rendering.sources import Files
from tests.cli.planned import Repository

SET = "appsets/nonprod/apps/dev-appset.yaml"
FOLDER = "environments/nonprod/dev/applications"
DEV = Environment("nonprod", "dev", "platform", None, "embedded-1", "embedded-2")
LAYOUT = Layout("http://gitea.example.com", "argocd")
SHOP = Workload("dev-shop", "shop", "shops", "platform", "charts", "", "shop", "embedded-1", (b"replicas: 1\n",))


def wanted(charts: Mapping[str, Chart] | None = None) -> Workloads:
    return Workloads(
        name="dev-apps",
        folder=FOLDER,
        prefix="dev-",
        namespace="shops",
        chart_repository="charts",
        charts=charts or {},
        default_revision="embedded-1",
    )


def tree(content: bytes, *rows: str) -> Tree:
    return Tree(
        {SET: content, f"{FOLDER}/.gitkeep": b""} | {f"{FOLDER}/{row}/values.yaml": b"replicas: 1\n" for row in rows}
    )


def set_of(charts: Mapping[str, Chart] | None = None, layout: Layout = LAYOUT) -> bytes:
    return yaml_bytes(application_set(DEV, wanted(charts), layout), sort_keys=False)


@pytest.fixture(scope="module")
def engine() -> Engine:
    found = Engine.load()
    if found is None:
        pytest.skip("needs helm-python-sdk")
    return found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (set_of(), SHOP),
        (set_of({"shop": Chart("web-service", "embedded-1")}), replace(SHOP, chart="web-service")),
        (set_of({"shop": Chart("ours", "main")}), replace(SHOP, chart="ours", revision="main")),
        (set_of(layout=replace(LAYOUT, value_files="raw")), SHOP),
        (
            set_of({"shop": Chart("shop", "1.2.3", "ghcr.io/acme/charts")}),
            replace(SHOP, organization="", repository="", registry="ghcr.io/acme/charts", revision="1.2.3"),
        ),
    ],
    ids=["the folder's name", "another chart", "a team's own", "values by an address", "a chart in a registry"],
)
def test_an_application_of_a_set(engine: Engine, content: bytes, expected: Workload) -> None:
    found = workloads(tree(content, "shop", "cart"), SET, engine)
    assert found["dev-shop"] == expected
    assert set(found) == {"dev-shop", "dev-cart"}


def test_no_set_and_no_folder_make_no_application(engine: Engine) -> None:
    assert workloads(Tree(), SET, engine) == {}
    assert workloads(tree(set_of()), SET, engine) == {}


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (b"", b"", ""),
        (b"kind: ", b"kind: [", "is no ApplicationSet as InfraForge writes them"),
        (b"spec:", b"specs:", "is no ApplicationSet as InfraForge writes them (KeyError)"),
        (b".path.basename", b".path.base | nonsense", "cannot be expanded"),
        (b"directories", b"pullRequests", "cannot be expanded"),
    ],
    ids=["as it is", "no YAML", "no set", "a template that does not parse", "another generator"],
)
def test_a_set_that_somebody_edited(engine: Engine, before: bytes, after: bytes, why: str) -> None:
    content = set_of().replace(before, after) if before else set_of()
    if not why:
        assert workloads(tree(content, "shop"), SET, engine)
        return
    with pytest.raises(Unreadable, match=SET) as refusal:
        workloads(tree(content, "shop"), SET, engine)
    assert why in str(refusal.value)


# Rendering


def nothing(_organization: str, _repository: str) -> Clone | None:
    return None


@pytest.fixture
def renderer(engine: Engine) -> Iterator[Renderer]:
    made = Renderer(Library(nothing, None), engine)
    yield made
    made.close()


def asked(*rows: str) -> Asked:
    return Asked(SET, lambda _: True, rows)


def embedded(renderer: Renderer, values: bytes = b"image: {repository: a, tag: b}\n", **charts: str) -> Tree:
    """A tree with applications of the charts of this installation, all with these values."""
    revision = renderer.library.revisions["apps"]
    environment = replace(DEV, charts_revision=revision)
    named = {row: Chart(chart, revision) for row, chart in charts.items()}
    made = replace(wanted(named), default_revision=revision)
    content = yaml_bytes(application_set(environment, made, LAYOUT), sort_keys=False)
    return Tree({SET: content} | {f"{FOLDER}/{row}/values.yaml": values for row in charts})


def test_what_does_not_render_is_a_note(renderer: Renderer) -> None:
    """Whether that is an error of the claim, the render gate says."""
    after = embedded(renderer, b"image: {repository: a, tag: b}\nreplicas: 5000\n", a="web-service")
    assert renderer.compare(Tree(), after, asked("a")) == []
    assert renderer.notes[0].startswith("dev-a is not rendered: values don't meet the specifications of the schema")


def test_what_was_never_rendered_is_compared_with_nothing(renderer: Renderer) -> None:
    before = embedded(renderer, b"replicas: 5000\n", a="web-service")
    found = renderer.compare(before, embedded(renderer, a="web-service"), asked("a"))
    assert {one.change for one in found} == {"added"}
    assert "dev-a is compared with nothing" in renderer.notes[0]


def test_applications_come_in_the_order_of_the_claim(renderer: Renderer) -> None:
    after = embedded(renderer, a="web-service", b="worker", c="web-service")
    found = renderer.compare(Tree(), after, asked("c", "a", "b"))
    assert list(dict.fromkeys(one.application for one in found)) == ["dev-c", "dev-a", "dev-b"]


def test_a_chart_that_cannot_be_had_is_a_note_and_no_error(renderer: Renderer) -> None:
    assert renderer.compare(Tree(), tree(set_of(), "shop"), asked("shop")) == []
    (note,) = renderer.notes
    assert note == "dev-shop is not rendered: platform/charts cannot be read: there is no clone of charts at hand"


def test_a_chart_in_a_registry_is_a_note(renderer: Renderer) -> None:
    content = set_of({"shop": Chart("shop", "1.2.3", "ghcr.io/acme/charts")})
    assert renderer.compare(Tree(), tree(content, "shop"), asked("shop")) == []
    assert "ghcr.io/acme/charts/shop 1.2.3 cannot be read: without a cluster no registry is asked" in renderer.notes[0]


def test_without_an_engine_it_is_said(renderer: Renderer) -> None:
    without = Renderer(renderer.library, None)
    assert without.compare(Tree(), embedded(renderer, shop="web-service"), asked("shop")) == []
    assert "Helm's engine is not installed" in without.notes[0]


def test_what_a_held_removal_would_take_is_marked(renderer: Renderer) -> None:
    before = embedded(renderer, shop="web-service", cart="web-service")
    after = before.after({f"{FOLDER}/cart": None})
    found = renderer.compare(before, after, replace(asked("shop"), held=frozenset({"cart"})))
    assert {(one.application, one.change, one.held) for one in found} == {("dev-cart", "removed", True)}


def test_charts_of_this_installation_need_no_clone(renderer: Renderer) -> None:
    for role, repository in CHARTS.items():
        name = next(iter(renderer.library.embedded[role]))
        chart = Chart(name, renderer.library.revisions[role])
        assert isinstance(renderer.library.sources.get("platform", repository, chart), Files)


class Registry:
    """An OCI registry with one chart."""

    def __init__(self, archive: bytes) -> None:
        self.archive = archive

    def pull(self, registry: str, name: str, version: str) -> bytes:
        if (registry, name, version) != ("ghcr.io/acme/charts", "shop", "1.2.3"):
            raise ChartMissing("there is no such chart")
        return self.archive


def test_a_chart_in_a_registry_is_rendered(engine: Engine) -> None:
    template = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n"
    files = {"shop/Chart.yaml": b"apiVersion: v2\nname: shop\nversion: 1.2.3\n", "shop/templates/a.yaml": template}
    made = Renderer(Library(nothing, Registry(archived(files))), engine)
    content = set_of({"shop": Chart("shop", "1.2.3", "ghcr.io/acme/charts")})
    try:
        found = made.compare(Tree(), tree(content, "shop"), asked("shop"))
        assert [(one.kind, one.name) for one in found] == [("ConfigMap", "dev-shop")]
        absent = set_of({"shop": Chart("shop", "9.9.9", "ghcr.io/acme/charts")})
        assert made.compare(Tree(), tree(absent, "shop"), asked("shop")) == []
        assert made.notes == ["dev-shop is not rendered: there is no such chart"]
    finally:
        made.close()


def archived(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_a_clone_of_charts_answers_as_gitea_does(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "charts")
    repository.folder.mkdir()
    repository.git("init", "--quiet", "--initial-branch=main")
    manifest = b"apiVersion: v2\nname: ours\nversion: 1.0.0\n"
    first = repository.commit({"ours/Chart.yaml": manifest, "ours/templates/a.yaml": b"a: 1\n", "README.md": b"x"})
    repository.git("tag", "light")
    repository.git("tag", "-a", "-m", "with a message", "heavy")
    (repository.folder / "ours" / "link").symlink_to("/etc/passwd")
    second = repository.commit({"other/Chart.yaml": manifest})
    cloned = Cloned("charts", lambda: opened(repository.folder))
    limits = Limits(entries=10, size=1000)
    assert (cloned.head, cloned.tags()) == (second, {"light": first, "heavy": first})
    assert cloned.names(commit=first) == ("README.md", "ours")
    found = cloned.folders(first, ["ours", "absent", "README.md"], limits)
    assert {path: dict(one.files) for path, one in found.items()} == {
        "ours": {"Chart.yaml": manifest, "templates/a.yaml": b"a: 1\n"}
    }
    assert cloned.folders(second, ["ours"], limits)["ours"] == Contents({}, ("link",))
    assert cloned.folders(first, ["ours"], Limits(entries=1, size=1000))["ours"].excess
    assert cloned.folders(first, ["ours"], Limits(entries=10, size=1))["ours"].excess
