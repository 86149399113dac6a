"""What generators find in a repository, and what they say when they cannot."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from sandbox.argocd.generators import GeneratorFailed, Generators
from sandbox.argocd.repositories import Repositories, RepositoryError
from sandbox.argocd.templates import STRICT, Templates
from shared.helm import Engine

FILES = {
    "README.md": "x",
    "env/dev/apps/checkout/values.yaml": "chart: shop\nreplicas: 2\n",
    "env/dev/apps/Cart_2/values.yaml": "- {name: one}\n- {name: two}\n",
    "env/dev/apps/cart/deep/er/values.yaml": "",
    "env/dev/apps/.hidden/values.yaml": "",
    "env/dev/apps/loose.yaml": "",
}


class Repository:
    """One repository with `FILES`; the revision `gone` cannot be resolved."""

    def resolve(self, _url: str, revision: str, *, anew: bool) -> str:
        if revision == "gone":
            raise RepositoryError("unable to resolve 'gone' to a commit SHA: revision not found")
        return "anew" if anew else "old"

    def listing(self, _url: str, _commit: str) -> Mapping[str, str]:
        return {path: path for path in FILES}

    def contents(self, _url: str, blobs: Mapping[str, str]) -> dict[str, bytes]:
        return {path: FILES[blob].encode() for path, blob in blobs.items()}


@pytest.fixture(scope="module")
def generators() -> Generators:
    engine = Engine.load()
    assert engine is not None
    return Generators(cast(Repositories, Repository()), Templates(engine), [STRICT], anew=True)


def _git(**more: Any) -> dict[str, Any]:
    return {"git": {"repoURL": "http://gitea.test/o/r.git", "revision": "main", **more}}


@pytest.mark.parametrize(
    ("wishes", "paths", "reason"),
    [
        ([{"path": "env/dev/apps/*"}], ["Cart_2", "cart", "checkout"], "folders only, none with a dot, in order"),
        ([{"path": "env/*/apps/c*"}], ["cart", "checkout"], "any part may be a glob"),
        (
            [{"path": "env/dev/apps/*"}, {"path": "env/dev/apps/cart", "exclude": True}],
            ["Cart_2", "checkout"],
            "but one",
        ),
        ([{"path": "env/dev/apps/cart", "exclude": True}, {"path": "env/dev/apps/c*"}], ["checkout"], "exclude wins"),
        ([{"path": "env/dev/none/*"}], [], "nothing there"),
        ([{"path": "env/dev/apps/*/*"}], ["deep"], "a level deeper"),
    ],
)
def test_directories(generators: Generators, wishes: list[Any], paths: list[str], reason: str) -> None:
    found = generators.generate(_git(directories=wishes))
    assert [one.params["path"]["basename"] for one in found] == paths, reason


def test_what_is_said_of_a_directory(generators: Generators) -> None:
    found = generators.generate(
        _git(directories=[{"path": "env/dev/apps/Cart*"}], values={"x": "{{ .path.basename }}!"})
    )
    assert [one.params for one in found] == [
        {
            "path": {
                "path": "env/dev/apps/Cart_2",
                "basename": "Cart_2",
                "basenameNormalized": "cart-2",
                "segments": ["env", "dev", "apps", "Cart_2"],
            },
            "values": {"x": "Cart_2!"},
        }
    ]


def test_files_give_their_content_and_their_place(generators: Generators) -> None:
    found = [one.params for one in generators.generate(_git(files=[{"path": "env/dev/**/values.yaml"}]))]
    assert [(one["path"]["path"], one.get("chart"), one.get("name")) for one in found] == [
        ("env/dev/apps/.hidden", None, None),
        ("env/dev/apps/Cart_2", None, "one"),
        ("env/dev/apps/Cart_2", None, "two"),
        ("env/dev/apps/cart/deep/er", None, None),
        ("env/dev/apps/checkout", "shop", None),
    ]
    assert found[-1]["replicas"] == 2
    assert found[-1]["path"]["filename"] == "values.yaml"


def test_list_and_matrix(generators: Generators) -> None:
    names = {"list": {"elements": [{"name": "a", "x": {"y": 1}}, {"name": "b"}]}}
    tags = {"list": {"elements": [{"tag": "1", "x": {"z": 2}}]}}
    assert [one.params for one in generators.generate(names)] == names["list"]["elements"]
    assert [one.params for one in generators.generate({"matrix": {"generators": [names, tags]}})] == [
        {"name": "a", "x": {"y": 1, "z": 2}, "tag": "1"},
        {"name": "b", "tag": "1", "x": {"z": 2}},
    ]


def test_merge_adds_what_has_the_same_key(generators: Generators) -> None:
    base = {"list": {"elements": [{"name": "a", "chart": "x"}, {"name": "b", "chart": "x"}]}}
    more = {"list": {"elements": [{"name": "b", "chart": "y"}, {"name": "c", "chart": "y"}]}}
    found = generators.generate({"merge": {"mergeKeys": ["name"], "generators": [base, more]}})
    assert [one.params for one in found] == [{"name": "a", "chart": "x"}, {"name": "b", "chart": "y"}]


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (
            _git(directories=[{"path": "*"}], revision="gone"),  # recorded: revision-missing
            "error generating params from git: error getting directories from repo: error retrieving Git Directories: "
            "rpc error: code = Internal desc = unable to resolve git revision : unable to resolve 'gone' to a commit "
            "SHA: revision not found",
        ),
        (
            {
                "merge": {
                    "mergeKeys": ["path.basename"],
                    "generators": [_git(directories=[{"path": "env/dev/apps/*"}]), {"list": {"elements": []}}],
                }
            },  # recorded: chart-by-merge-generator
            "error getting param sets by merge key: the parameters from a generator were not unique by the given "
            'mergeKeys, Merge requires all param sets to be unique. Duplicate key was {"path.basename":null}',
        ),
        ({"clusters": {}}, "the sandbox's ArgoCD does not cover the clusters generator: git, list, merge, matrix"),
    ],
)
def test_messages(generators: Generators, generator: dict[str, Any], message: str) -> None:
    with pytest.raises(GeneratorFailed) as failure:
        generators.generate(generator)
    assert str(failure.value) == message
