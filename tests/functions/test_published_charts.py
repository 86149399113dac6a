"""What the bootstrap function pushes of the charts: whole, and beside what teams keep there."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.git import Author, Remote, Repository
from shared.helm import Engine
from tests import tools
from tests.functions.platform import NOW, Platform, ready

OWN = {
    "checkout/Chart.yaml": b"apiVersion: v2\nname: checkout\nversion: 1.0.0\n",
    "checkout/templates/settings.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n",
    "README.md": b"Ask the platform team.\n",
}
"""A chart of a team's, and a file of nobody's chart."""


def clone(platform: Platform, repository: str, folder: Path) -> list[Path]:
    """The folders of a fresh clone of `repository`, with its files in `folder`."""
    for path, content in platform.files(repository).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return sorted(path.parent for path in folder.glob("*/Chart.yaml"))


@pytest.mark.parametrize("repository", ["charts", "platform-charts"])
def test_helm_template_needs_nothing_but_the_clone(platform: Platform, tmp_path: Path, repository: str) -> None:
    """No dependency build and no network: the command and the functions' engine render each folder as it is."""
    platform.bootstrap()
    folders = clone(platform, repository, tmp_path / "clone")
    engine = Engine.load()
    assert engine is not None
    for folder in folders:
        files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        values = b"namespaces: [{name: shop}]" if folder.name == "namespaces" else b""
        assert "dev-shop" in engine.render(files, release="dev-shop", namespace="dev", values=values)
    assert len(folders) >= 5
    try:
        helm = tools.helm()
    except tools.MissingToolError as error:
        pytest.skip(str(error))
    # Whatever proxy there is leads nowhere, so a fetch would fail.
    environment = {"HOME": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    for folder in folders:
        command = [str(helm), "template", "dev-shop", str(folder), "--namespace", "dev"]
        subprocess.run(command, check=True, capture_output=True, env=environment)


def push(platform: Platform, files: Mapping[str, bytes]) -> str | None:
    """A team's commit to `charts`; the head that it makes."""
    server = platform.server
    theirs = Repository(
        platform.cache / "team",
        Remote(f"{server.endpoint}/{platform.organization}/charts.git"),
        token=lambda: server.token,
        author=Author("Eve", "eve@example.com"),
        clock=lambda: NOW,
    )
    with theirs.transaction() as git:
        git.commit(dict(files), "Our own chart")
        git.push()
    return platform.head("charts")


def test_a_teams_own_chart_is_never_touched(platform: Platform, tmp_path: Path) -> None:
    """Not by a later look at the claim, and not by a newer installation with other charts."""
    claim = platform.bootstrap()
    head = push(platform, OWN)
    platform.react(claim)
    assert platform.head("charts") == head, "their commit is no reason for one of ours"
    newer = tmp_path / "newer" / "web"
    newer.mkdir(parents=True)
    (newer / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n")
    platform.settings["charts_dir"] = newer.parent
    platform.react(platform.live(claim))
    assert platform.head("charts") != head
    assert {path: platform.file(path, "charts").encode() for path in OWN} == OWN


def test_a_teams_chart_by_the_name_of_a_new_embedded_one_stays_theirs(platform: Platform, tmp_path: Path) -> None:
    """The tag, which embedded charts are deployed from, holds ours; `main` holds theirs, at every later upgrade too."""
    claim = platform.bootstrap()
    theirs = {"web/Chart.yaml": b"apiVersion: v2\nname: web\nversion: 7.0.0\n", "web/templates/a/b.yaml": b"a: 1\n"}
    push(platform, theirs)
    for version in ("0.1.0", "0.2.0"):
        newer = tmp_path / version
        (newer / "web").mkdir(parents=True)
        (newer / "web" / "Chart.yaml").write_text(f"apiVersion: v2\nname: web\nversion: {version}\n")
        platform.settings["charts_dir"] = newer
        platform.react(platform.live(claim))
        revision = platform.live(claim)["status"]["charts"]["revision"]
        assert version in platform.git("show", f"{revision}:web/Chart.yaml", repository="charts")
        assert {path: platform.file(path, "charts").encode() for path in theirs} == theirs
        assert "web/templates/a/b.yaml" not in platform.tree("charts", revision), "ours is nothing but ours"
    assert ready(platform.live(claim))[0] == "True"


def test_an_embedded_chart_that_nobody_edited_is_brought_up_to_date(platform: Platform, tmp_path: Path) -> None:
    """On `main` too, where people read it: an older version that was published is nobody's own."""
    newer = tmp_path / "newer"
    for version in ("0.1.0", "0.2.0"):
        (newer / "web").mkdir(parents=True, exist_ok=True)
        (newer / "web" / "Chart.yaml").write_text(f"apiVersion: v2\nname: web\nversion: {version}\n")
        platform.settings["charts_dir"] = newer
        platform.bootstrap()
        assert version in platform.file("web/Chart.yaml", "charts")


def test_a_teams_chart_that_cannot_be_kept_is_not_overwritten(platform: Platform, tmp_path: Path) -> None:
    """Links are not what this writes; so it stops, and names the folder."""
    claim = platform.bootstrap()
    url = f"{platform.server.endpoint}/{platform.organization}/charts.git"
    token = platform.server.token.get_secret_value()
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", url.replace("://", f"://x:{token}@"), str(folder)], check=True)
    (folder / "web").mkdir()
    (folder / "web" / "Chart.yaml").symlink_to("../user-service/Chart.yaml")
    identity = ("-c", "user.name=Eve", "-c", "user.email=eve@example.com")
    for command in (("add", "web"), (*identity, "commit", "-q", "-m", "Linked"), ("push", "-q")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    head = platform.head("charts")
    newer = tmp_path / "newer" / "web"
    newer.mkdir(parents=True)
    (newer / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n")
    platform.settings["charts_dir"] = newer.parent
    platform.react(platform.live(claim))
    assert ready(platform.live(claim))[1] == "ChartNameTaken"
    assert ready(platform.live(claim))[2].endswith("to be kept beside them: rename web")
    assert platform.head("charts") == head
