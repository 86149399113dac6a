"""The reference says what the code does, all of it and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Failure
from cli.reference import conditions
from cli.reference.command import reference
from cli.reference.markdown import table
from shared import conditions as types
from shared.claims import crd
from shared.settings import Settings
from shared.telemetry import Metrics

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "reference"
PASCAL = re.compile(r"[A-Z][a-z]+([A-Z][A-Za-z0-9]*)*")

NEVER_BARE = frozenset(
    {
        *("PermanentError", "TransientError", "Waiting"),  # what is raised of these brings a reason of its own
        *(
            "GiteaNotFound",
            "GiteaRefused",
            "GiteaUnauthorized",
            "KubeNotFound",
            "KubeRefused",
            "HostNotAllowed",
        ),  # and so do these
    }
)


def test_the_pages_are_those_of_the_code() -> None:
    reference(check=PAGES)


def test_a_stale_page_is_named(tmp_path: Path) -> None:
    reference(write=tmp_path)
    (tmp_path / "metrics.md").write_text("# Something else\n")
    (tmp_path / "claims.md").unlink()
    with pytest.raises(Failure, match=r"^claims.md, metrics.md in .* differ from the code: run `infraforge reference"):
        reference(check=tmp_path)


def test_every_field_is_described() -> None:
    """Of every kind; what has no description in the model has none in `kubectl explain` either."""
    text = (PAGES / "claims.md").read_text()
    for manifest in crd.manifests():
        schema = manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for path, field in _fields(schema["properties"]["spec"], "spec"):
            assert field.get("description"), f"{manifest['spec']['names']['kind']} {path}"
            assert f"| `{path}` |" in text


def _fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from _fields(child, f"{path}.{name}")
    for inner, mark in ((schema.get("items"), "[]"), (schema.get("additionalProperties"), "{}")):
        if isinstance(inner, dict):
            yield from _fields(inner, f"{path}{mark}")


def test_every_setting_is_described() -> None:
    text = (PAGES / "settings.md").read_text()
    for settings in (Settings, *Settings.__subclasses__()):
        for name, field in settings.model_fields.items():
            assert field.description, name
            assert f"`INFRAFORGE_{name.upper()}`" in text


def test_every_metric_is_there() -> None:
    text = (PAGES / "metrics.md").read_text()
    for metric in Metrics().registry.collect():
        assert f"| `{metric.name}" in text


def test_every_condition_is_there() -> None:
    known = {value for name, value in vars(types).items() if name.isupper() and isinstance(value, str)}
    table = conditions.read()
    assert set(table["conditions"]) == known - table["reasons"].keys() | {"Committed", "Valid", "Deployed"}


def test_every_reason_has_a_meaning_and_none_is_made_up() -> None:
    trees = [ast.parse(path.read_text()) for top in ("shared", "functions") for path in (ROOT / top).rglob("*.py")]
    known = conditions.read()["reasons"]
    assert sorted(_used(trees) - known.keys()) == [], "reasons in the code that the table lacks"
    words = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    words |= {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    assert sorted(known.keys() - words) == [], "reasons in the table that the code lacks"
    assert all(meaning for meaning, _ in known.values())


def _used(trees: list[ast.Module]) -> set[str]:
    """What is given as a reason, and the errors, whose names are their reasons."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    bases = {node.name: {ast.unparse(base) for base in node.bases} for node in nodes if isinstance(node, ast.ClassDef)}
    errors = {"InfraForgeError"}
    while more := {name for name, parents in bases.items() if parents & errors} - errors:
        errors |= more
    named: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                named.setdefault(ast.unparse(target), set()).add(str(node.value.value))
    used = errors - {"InfraForgeError"} - NEVER_BARE | named.get("reason", set())
    for node in nodes:
        if isinstance(node, ast.Call):
            for given in _given(node):
                used |= {given.value} if isinstance(given, ast.Constant) else named.get(ast.unparse(given), set())
    return {one for one in used if isinstance(one, str) and PASCAL.fullmatch(one)}


def _given(call: ast.Call) -> list[ast.expr]:
    name = ast.unparse(call.func).rpartition(".")[2]
    positional = {"mark": call.args[2:3], "condition": call.args[2:3], "tell": call.args[:1], "Hold": call.args[:1]}
    return [*positional.get(name, []), *(one.value for one in call.keywords if one.arg == "reason")]


def test_a_cell_stays_one() -> None:
    assert table(("a",), [("x | y\nz",)]).splitlines()[-1] == "| x \\| y z |"
