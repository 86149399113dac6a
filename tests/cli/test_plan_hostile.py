"""Whatever is in a file, a plan ends with a report, and the report is what it says it is."""

import copy
import io
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.plan.document import document
from cli.plan.markdown import markdown
from cli.plan.planning import plan
from cli.plan.surroundings import Folders, Sites
from cli.plan.text import show
from tests.cli.planned import (
    Document,
    Repository,
    application,
    applications,
    bootstrap,
    claim,
    no_gitea,
    services,
    written,
)

BASE = [
    bootstrap(),
    services({"name": "postgres", "values": {}}),
    applications(application("shop"), application("cart")),
    claim(
        "InfrastructureClaim",
        "platform-system",
        "ns",
        {"clusterType": "nonprod", "environment": "dev", "namespaces": [{"name": "shop"}]},
    ),
]
WEIRD: list[Any] = [
    None,
    0,
    -1,
    float("inf"),
    float("nan"),
    10**40,
    True,
    "",
    "-",
    "a" * 300,
    "../..",
    "{{ .Values }}",
    "name\nname",
    "\x1b[31m",
    "@all ```</details>",
    "hunter2hunter2",
    [],
    {},
    [None],
    {"": None},
    {"a": {"b": [1, {}]}},
    [[[]]],
    {1: 2},
    {"password": "hunter2hunter2"},
]
ROUNDS = 40


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository.made(tmp_path_factory.mktemp("clone") / "voltran", *BASE[:3])


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(child, (*path, key))


def mutated(original: Document, dice: random.Random) -> Document:
    """The document with a few of its values replaced, removed or repeated."""
    made = copy.deepcopy(original)
    for _ in range(dice.randint(1, 3)):
        *way, last = dice.choice(list(places(made)))
        node: Any = made
        for key in way:
            node = node[key]
        what = dice.random()
        if what < 0.7:
            node[last] = copy.deepcopy(dice.choice(WEIRD))
        elif isinstance(node, list):
            node.append(copy.deepcopy(node[last]))
        elif what < 0.85:
            del node[last]
        else:
            node[dice.choice(["values", "image", "name", "a b"])] = copy.deepcopy(dice.choice(WEIRD))
    return made


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_file_comes_to_a_report(repository: Repository, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - to be the same each time
    documents = [mutated(dice.choice(BASE), dice) for _ in range(dice.randint(1, 3))]
    report = plan([written(tmp_path, documents)], None, Sites(no_gitea, Folders(repository.folder)), None)
    assert report.claims or report.errors or report.notes
    printed = io.StringIO()
    show(report, Console(file=printed, width=120), full=True)
    shown = [printed.getvalue(), markdown(report), json.dumps(document(report, 0), allow_nan=False)]
    for text in shown:
        assert "hunter2" not in text, "what looks like a credential is nowhere"
    assert "\x1b" not in shown[0] + shown[1]
    assert "@all" not in re.sub(r"```.*?```", "", shown[1], flags=re.DOTALL)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join([f'*{chr(97 + level)}'] * 10)}]\n" for level in range(6)
)
HEAD = "apiVersion: platform.infraforge.io/v1alpha1\nkind: ApplicationClaim\nmetadata: {name: a, namespace: dev}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEAD}spec:\n  " + BOMB.replace("\n", "\n  "), "more than 200000 values in one object"),
        (f"{HEAD}spec: &s {{a: *s}}", "nested too deep, or an alias of itself"),
        (f"{HEAD}spec: {'[' * 2000}{']' * 2000}", "claims.yaml"),
        (HEAD.replace("ApplicationClaim", "Secret"), "there is no such kind in platform.infraforge.io/v1alpha1"),
        (HEAD.replace("v1alpha1", "v9"), "there is no such kind in platform.infraforge.io/v1alpha1"),
        (f"{HEAD}---\n{HEAD}", "ApplicationClaim/dev/a is in"),
        ("\x00", "claims.yaml"),
    ],
    ids=[
        "aliases that multiply",
        "an alias of itself",
        "too deep",
        "another kind",
        "another version",
        "twice",
        "binary",
    ],
)
def test_a_file_that_is_no_good_is_named(repository: Repository, tmp_path: Path, text: str, message: str) -> None:
    report = plan([written(tmp_path, text)], None, Sites(no_gitea, Folders(repository.folder)), None)
    assert any(message in str(error) for error in report.errors), report.errors
