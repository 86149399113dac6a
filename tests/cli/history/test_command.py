"""`infraforge history`, on a clone and with an API server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import exits
from shared.git.message import compose
from tests.cli.api import Api
from tests.cli.conftest import Infraforge
from tests.cli.history.repository import CLAIM, Clone, record, shop, spec


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    served = Api.start(tmp_path_factory.mktemp("apiserver"))
    yield served
    served.running.stop()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """An empty repository."""
    return Clone.made(tmp_path)


def test_on_a_clone_without_a_cluster(clone: Clone, infraforge: Infraforge) -> None:
    """Neither other claims' commits nor people's are taken for its own, whatever their messages quote."""
    first = clone.commit(record(spec(shop("v1"))))
    clone.commit(record(spec(shop("v9")), name="apps-of-others"))
    clone.commit(f"A person's\n\nClaim: {CLAIM}\n")
    drift = record(spec(shop("v1")), body="Drift: a/b: changed by 1a2b (Jo)")
    restored = clone.commit(drift)
    second = clone.commit(record(spec(shop("v2")), 2, manager="kubectl-edit"))
    done = infraforge("history", "appclaim/dev/apps", "--voltran", str(clone.folder), "-o", "json")
    assert done.returncode == exits.OK, done.stderr
    found = json.loads(done.stdout)
    assert (found["kind"], found["namespace"], found["name"]) == ("ApplicationClaim", "dev", "apps")
    assert [(one["commit"], one["what"], one["fieldManager"]) for one in found["commits"]] == [
        (second, "changed", "kubectl-edit"),
        (restored, "restored", None),
        (first, "created", "kubectl"),
    ]
    assert found["commits"][0]["changes"] == [{"path": "applications[shop].image.tag", "before": "v1", "after": "v2"}]
    text = infraforge("history", "applicationclaim/apps", "-n", "dev", "--voltran", str(clone.folder), "--limit", "2")
    assert f"{CLAIM}: 3 commits in voltran, the newest 2" in text.stdout
    assert "  applications[shop].image.tag: v1 → v2" in text.stdout
    assert "  drift restored: a/b: changed by 1a2b (Jo)" in text.stdout
    assert first[:8] not in text.stdout


def test_another_clusters_claim_of_that_name_is_another(clone: Clone, api: Api, infraforge: Infraforge) -> None:
    """A live claim's environment never changes; two clusters may share one voltran."""
    clone.commit(record(spec(shop("v1"), name="stage")))
    own = clone.commit(record(spec(shop("v1"))))
    where = ("history", "appclaim/dev/apps", "--voltran", str(clone.folder))
    assert len(api.json(infraforge, *where)["commits"]) == 2, "of a claim that is gone nobody can say"
    api.create("ApplicationClaim", "dev", "apps", spec(shop()))
    found = api.json(infraforge, *where)["commits"]
    api.delete("ApplicationClaim", "dev", "apps")
    assert [one["commit"] for one in found] == [own]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["appclaim/dev/none"], exits.FAILED, "ApplicationClaim/dev/none: no commit in voltran carries it out"),
        (["appclaim/apps"], exits.USAGE, "add -n NAMESPACE"),
        (["pod/dev/apps"], exits.USAGE, 'there is no kind of claim "pod"'),
        (["apps"], exits.USAGE, "write KIND/NAMESPACE/NAME"),
    ],
    ids=str,
)
def test_what_cannot_be_told(
    clone: Clone, infraforge: Infraforge, arguments: list[str], code: int, message: str
) -> None:
    clone.commit(record(spec(shop())))
    done = infraforge("history", *arguments, "--voltran", str(clone.folder))
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_a_folder_that_is_no_clone(tmp_path_factory: pytest.TempPathFactory, infraforge: Infraforge) -> None:
    folder = tmp_path_factory.mktemp("empty")
    done = infraforge("history", "appclaim/dev/apps", "--voltran", str(folder))
    assert (done.returncode, "is no Git repository" in done.stderr) == (exits.FAILED, True), done.stderr


def test_a_shallow_clone_would_leave_claims_out(clone: Clone, tmp_path: Path, infraforge: Infraforge) -> None:
    clone.commit(record(spec(shop("v1"))))
    clone.commit(record(spec(shop("v2")), 2))
    shallow = tmp_path / "shallow"
    clone.git("clone", "--quiet", "--depth=1", f"file://{clone.folder}", str(shallow))
    for command in (["history", "appclaim/dev/apps", "--voltran"], ["restore", "--from"]):
        done = infraforge(*command, str(shallow))
        assert (done.returncode, "git fetch --unshallow" in done.stderr) == (exits.FAILED, True), done.stderr


def test_what_a_stranger_wrote_moves_no_cursor(clone: Clone, infraforge: Infraforge) -> None:
    """Anybody who may push can write a commit with our trailers."""
    clone.commit(record(spec(shop("v1"))))
    message = compose(record(spec(shop("v2\x9b2J", values={"a\u202e": 1})), 2))
    clone.commit(message.replace("dev: write shop", "dev: \x1b[2Jwrite"))
    done = infraforge("history", "appclaim/dev/apps", "--voltran", str(clone.folder))
    assert done.returncode == exits.OK, done.stderr
    assert "applications[shop].image.tag: v1 → " in done.stdout
    assert all(character.isprintable() or character == "\n" for character in done.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--gitea-url", "http://127.0.0.1:9"], exits.USAGE, "--gitea-url needs a token that may read voltran"),
        (["--gitea-url", "http://me:pw@host", "--gitea-token-file", __file__], exits.USAGE, "without credentials"),
        (["--gitea-url", "http://127.0.0.1:9", "--gitea-token-file", __file__], exits.FAILED, "cannot be cloned"),
        (["--gitea-token-file", __file__], exits.USAGE, "--gitea-token-file goes with --gitea-url"),
        (["--gitea-url", "http://127.0.0.1:9", "--voltran", "."], exits.USAGE, "leave one of them out"),
    ],
    ids=str,
)
def test_where_voltran_is_has_to_be_known(
    api: Api, infraforge: Infraforge, arguments: list[str], code: int, message: str
) -> None:
    done = api.run(infraforge, "history", "appclaim/dev/apps", *arguments)
    assert (done.returncode, message in " ".join(done.stderr.replace("│", "").split())) == (code, True), done.stderr


def test_a_cluster_alone_does_not_say_where_voltran_is(api: Api, infraforge: Infraforge) -> None:
    done = api.run(infraforge, "history", "appclaim/dev/apps")
    assert (done.returncode, "Name a clone with --voltran" in done.stderr) == (exits.USAGE, True), done.stderr
