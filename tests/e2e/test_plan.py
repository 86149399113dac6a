"""A plan says what then happens, and changes nothing itself."""

import copy
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.plan.command import CHANGES
from tests.e2e import claims
from tests.e2e.box import Box, reference
from tests.e2e.command import Infraforge
from tests.e2e.person import Person
from tests.e2e.repository import run_git

OK, FAILED = 0, 1
Document = dict[str, Any]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A sandbox in which there is nothing yet."""
    made = Box(Infraforge(tmp_path_factory.mktemp("plan")))
    try:
        made.up()
        yield made
    finally:
        made.down()


def plan(box: Box, documents: list[Document], code: int) -> Any:
    """What the command says, with this exit code."""
    found = box.command.json("plan", "-f", "-", stdin=yaml.safe_dump_all(documents), code=code)
    assert found["exitCode"] == code
    return found


def versions(box: Box) -> str:
    """Every object of every kind that a plan could touch, with its resourceVersion."""
    kinds = "bootstrapclaims,infrastructureclaims,platformclaims,applicationclaims,secrets,namespaces"
    kinds += ",applications.argoproj.io,applicationsets.argoproj.io,appprojects.argoproj.io"
    columns = "KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name,VERSION:.metadata.resourceVersion"
    return box.kubectl("get", kinds, "-A", "--ignore-not-found", "-o", f"custom-columns={columns}")


def predicted(box: Box, found: Any, folder: Path) -> str:
    """Git's name of the tree that the plan's differences make of the head."""
    person = Person(folder / "predicted", box.described["gitea"])
    if box.voltran.head():
        person.start()
    else:
        person.clone.mkdir()
        person.git("init", "-q")
    text = "".join(one["diff"] for claim in found["claims"] for one in claim["files"])
    (folder / "patch").write_text(text)
    if text:
        person.git("apply", "--index", "--whitespace=nowarn", str(folder / "patch"))
    for claim in found["claims"]:
        for one in claim["files"]:
            if one["change"] == "added" and not one["diff"]:  # an empty file has no difference to show
                person.write(one["path"], "")
            if one["change"] == "removed" and not one["diff"]:
                (person.clone / one["path"]).unlink()
    person.git("add", "-A")
    return person.git("write-tree").strip()


def actual(box: Box) -> str:
    """Git's name of the tree that there is."""
    done = run_git("-C", str(box.voltran.path), "rev-parse", "main^{tree}")
    assert done.returncode == OK, done.stderr
    return str(done.stdout).strip()


def test_a_platform_that_is_not_there_yet(empty: Box, tmp_path: Path) -> None:
    """Every claim of it at once, as the functions will write them one after the other."""
    empty.wait_quiet()
    before = versions(empty)
    found = plan(empty, claims.examples(), CHANGES)
    assert all(not one["errors"] and one["files"] for one in found["claims"])
    assert {one["change"] for claim in found["claims"] for one in claim["objects"]} == {"added"}
    assert (versions(empty), empty.voltran.head()) == (before, "")
    expected = predicted(empty, found, tmp_path)
    empty.apply(*claims.examples())
    empty.wait_true()
    assert actual(empty) == expected


@pytest.fixture(scope="module")
def box(empty: Box) -> Box:
    """The same sandbox with the example platform, all of it in Git."""
    empty.apply(*claims.examples())
    empty.wait_true()
    return empty


def test_nothing_would_change_afterwards(box: Box) -> None:
    found = plan(box, claims.examples(), OK)
    assert [(one["claim"], one["files"], one["objects"], one["notes"]) for one in found["claims"]] == [
        ("unchanged", [], [], []) for _ in found["claims"]
    ]
    assert found["against"]["voltran"] == box.voltran.head()


def of(name: str) -> Document:
    """One of the example claims, to be changed."""
    return copy.deepcopy(next(one for one in claims.examples() if reference(one).endswith(f"/{name}")))


def new_tag() -> Document:
    document = of("dev-apps")
    document["spec"]["applications"][0]["image"]["tag"] = "v1.2.2"
    return document


def one_more() -> Document:
    document = of("prod-apps")
    document["spec"]["applications"].append(claims.application("extra", replicas=3))
    return document


def one_less() -> Document:
    document = of("prod-apps")
    del document["spec"]["applications"][-1]
    return document


def another_volume() -> Document:
    document = of("prod-platform")
    document["spec"]["services"][0]["values"]["primary"]["persistence"]["size"] = "11Gi"
    return document


def another_environment() -> Document:
    document = of("platform-bootstrap")
    document["spec"]["clusters"][0]["environments"].append("extra")
    return document


@pytest.mark.parametrize("change", [new_tag, one_less, one_more, another_volume, another_environment])
def test_what_is_planned_is_what_is_written(box: Box, tmp_path: Path, change: Callable[[], Document]) -> None:
    """Byte for byte, and not before it is applied."""
    document = change()
    box.wait_quiet()
    head, before = box.voltran.head(), versions(box)
    found = plan(box, [document], CHANGES)
    assert (box.voltran.head(), versions(box)) == (head, before)
    expected = predicted(box, found, tmp_path)
    assert expected != actual(box)
    box.apply(document)
    box.wait_true()
    assert actual(box) == expected
    assert plan(box, [document], OK)["claims"][0]["files"] == []


def test_what_is_refused_is_what_the_claim_then_says(box: Box) -> None:
    """In the function's own words."""
    rival = of("dev-apps") | {"metadata": {"name": "rival", "namespace": "qa"}}
    (told,) = plan(box, [rival], FAILED)["claims"][0]["errors"]
    assert told["reason"] == "EnvironmentConflict"
    box.apply(rival)
    assert box.wait_reason("applicationclaim/rival", "qa", "EnvironmentConflict") == told["message"]
    box.kubectl("delete", "applicationclaim/rival", "-n", "qa")


def test_a_removal_is_held_with_the_text_that_the_claim_then_names(box: Box) -> None:
    document = of("dev-platform")
    document["spec"]["services"] = document["spec"]["services"][:1]
    found = plan(box, [document], CHANGES)["claims"][0]
    assert [one["held"] for one in found["prunes"]] == [True]
    head = box.voltran.head()
    box.apply(document)
    said = box.wait_reason("platformclaim/dev-platform", "platform-services", "ConfirmationRequired")
    assert found["confirmation"]["annotation"] in said
    assert (said, box.voltran.head()) == (found["confirmation"]["message"], head)


def test_a_clone_alone_says_the_same(box: Box, tmp_path: Path) -> None:
    """Without a cluster: the claims are those that the commits record."""
    person = Person(tmp_path / "clone", box.described["gitea"])
    person.start()
    command = [*Infraforge(tmp_path).line("plan")[:2], "-f", "-", "--voltran", str(person.clone), "-o", "json"]
    document = new_tag() if "v1.2.3" in str(box.get("appclaim/dev-apps", "dev")["spec"]) else of("dev-apps")
    text = yaml.safe_dump(document)
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == CHANGES, done.stderr
    alone, live = json.loads(done.stdout)["claims"][0], plan(box, [document], CHANGES)["claims"][0]
    assert {**alone, "notes": [], "origin": ""} == {**live, "notes": [], "origin": ""}
