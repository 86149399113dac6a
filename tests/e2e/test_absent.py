"""Absence never deletes: an API server that knows nothing, in front of a Gitea that has everything."""

from pathlib import Path

import pytest

from tests.e2e import claims
from tests.e2e.box import GIT_ALONE, Box
from tests.e2e.command import Infraforge

PLATFORM, SYSTEM = "bootstrapclaim/platform-bootstrap", "platform-system"
ALL = {"nonprod": ["dev", "qa", "sandbox"], "prod": ["prod", "stage"]}


@pytest.fixture
def emptied(box: Box) -> Box:
    """Up again with an API server that was set up anew."""
    assert box.command.run("down").returncode == 0
    objects = list((box.command.data_dir / "apiserver").glob("objects.db*"))
    assert objects
    for file in objects:
        file.unlink()
    box.up()
    assert box.all() == []
    return box


def test_an_empty_api_server_makes_no_commit(emptied: Box) -> None:
    """Neither by itself, nor when the claims are applied again: they adopt what is there."""
    head = emptied.voltran.head()
    emptied.ping()
    assert emptied.voltran.head() == head
    emptied.apply(claims.bootstrap(**ALL))
    emptied.wait_reason(PLATFORM, SYSTEM, "Bootstrapped")
    emptied.ping()
    assert emptied.voltran.head() == head
    status = emptied.get(PLATFORM, SYSTEM)["status"]
    assert status["orphanedEnvironments"] == ["nonprod/dev", "prod/prod"], "reported, and left"
    emptied.apply(*claims.examples())
    emptied.wait_true()
    emptied.ping()
    emptied.wait_true()
    assert emptied.voltran.head() == head
    assert not emptied.get(PLATFORM, SYSTEM)["status"].get("orphanedEnvironments")


def test_a_smaller_platform_than_before_is_no_removal(emptied: Box) -> None:
    """What the lost claim had beside it is nobody's now; a person removes by name, and exactly that."""
    head, tree = emptied.voltran.head(), emptied.voltran.tree()
    emptied.apply(claims.bootstrap(nonprod=["qa"], prod=["prod", "stage"]))
    emptied.wait_reason(PLATFORM, SYSTEM, "Bootstrapped")
    emptied.ping()
    assert emptied.voltran.head() == head
    orphans = set(emptied.get(PLATFORM, SYSTEM)["status"]["orphanedEnvironments"])
    assert {"nonprod/dev", "prod/prod"} <= orphans
    assert orphans.isdisjoint({"nonprod/qa", "prod/stage"})
    wish = "platform.infraforge.io/remove-environments=nonprod/dev"
    emptied.kubectl("annotate", PLATFORM, "-n", SYSTEM, wish)
    emptied.ping(["bootstrap"])
    gone = tree.keys() - emptied.voltran.tree().keys()
    assert gone == {
        path for path in tree if path.startswith(("environments/nonprod/dev/", "appsets/nonprod/")) and "dev" in path
    }
    assert emptied.voltran.tree().items() <= tree.items()
    document = emptied.get(PLATFORM, SYSTEM)
    assert wish.partition("=")[0] not in document["metadata"].get("annotations", {}), "granted once"
    assert set(document["status"].get("orphanedEnvironments", ())) == orphans - {"nonprod/dev"}
    emptied.apply(*claims.examples())
    emptied.wait_true()
    assert emptied.voltran.tree() == tree, "and made anew by who wants it"


def test_a_wrong_kubeconfig_makes_no_commit(box: Box, tmp_path: Path) -> None:
    """Another cluster's functions in front of this Gitea: an empty one, then one with other ideas."""
    head = box.voltran.head()
    token = tmp_path / "token"
    token.write_text(box.described["gitea"]["token"])
    where = ("--gitea-url", box.described["gitea"]["url"], "--gitea-token-file", str(token))
    other = Box(Infraforge(tmp_path / "other"), options=(*GIT_ALONE, *where), host=box)
    try:
        other.up()
        other.ping()
        assert box.voltran.head() == head
        other.apply(claims.bootstrap(nonprod=["dev"]))
        other.wait_reason(PLATFORM, SYSTEM, "Bootstrapped")
        other.ping()
        assert box.voltran.head() == head
        orphans = other.get(PLATFORM, SYSTEM)["status"]["orphanedEnvironments"]
        assert {"nonprod/dev", "prod/prod"} <= set(orphans)
    finally:
        other.down()
    box.ping()
    box.wait_true()
    assert box.voltran.head() == head
