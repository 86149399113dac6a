"""Reading objects from files."""

import io
from pathlib import Path

import pytest

from cli.exits import USAGE, Failure
from cli.manifests import examine, read

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: dev}\n"
MANY = (
    "{a0: &a0 [x, x, x, x, x, x, x, x, x, x], "
    + "".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}], " for level in range(1, 6))
    + "}"
)
"""A million texts, if anybody writes them out."""


def test_a_directory_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.yml").write_text(OBJECT.replace("one", "two"))
    (tmp_path / "a.yaml").write_text(OBJECT)
    (tmp_path / "c.json").write_text('{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three"}}')
    (tmp_path / "notes.txt").write_text("not for us")
    assert [one.name for one in read([str(tmp_path)])] == ["one", "two", "three"]


def test_documents_lists_and_empty_documents(tmp_path: Path) -> None:
    listed = "apiVersion: v1\nkind: List\nitems:\n- " + OBJECT.replace("\n", "\n  ").strip().replace("one", "two")
    (tmp_path / "all.yaml").write_text(f"---\n{OBJECT}---\n---\n{listed}\n")
    found = read([str(tmp_path / "all.yaml")])
    assert [one.name for one in found] == ["one", "two"]
    assert found[1].origin.endswith("all.yaml, document 3")


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(OBJECT))
    (one,) = read(["-"])
    assert (one.api_version, one.kind, one.namespace, one.name, one.origin) == (
        "v1",
        "ConfigMap",
        "dev",
        "one",
        "stdin",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("kind: [", r"claim.yaml, line 1: not YAML: "),
        ("just text", "claim.yaml: not a Kubernetes object"),
        ("kind: A\nmetadata: {name: a}", "claim.yaml: apiVersion is missing"),
        ("apiVersion: v1\nmetadata: {name: a}", "claim.yaml: kind is missing"),
        ("apiVersion: v1\nkind: A\nmetadata: a", "claim.yaml: metadata.name is missing"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: 1}", "claim.yaml: metadata.name is missing"),
        (f"{OBJECT}---\nkind: B", "claim.yaml, document 2: apiVersion is missing"),
        (b"\xff", "claim.yaml cannot be read"),
        (f"{OBJECT}spec: {{a: 2026-13-45}}", "claim.yaml: not YAML: month must be in 1..12"),
        (f"{OBJECT}spec: {{a: {'9' * 10_000}}}", "claim.yaml: not YAML: Exceeds the limit"),
        (f"{OBJECT}spec: {{a: !!int ''}}", "claim.yaml: not YAML: "),
        (f"{OBJECT}spec: {{a: !!bool x}}", "claim.yaml: not YAML: "),
        (f"{OBJECT}spec: {{a: !!timestamp x}}", "claim.yaml: not YAML: "),
        (f"{OBJECT}spec: {'[' * 10_000}", "claim.yaml: not YAML: maximum recursion depth"),
        (f"{OBJECT}spec: &a {{b: *a}}", "claim.yaml: nested too deep, or an alias of itself"),
        (f"{OBJECT}spec: {MANY}", "claim.yaml: more than 200000 values in one object: do its aliases multiply?"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    file = tmp_path / "claim.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Failure, match=message) as caught:
        read([str(file)])
    assert caught.value.code == USAGE


def test_a_path_that_is_not_there_and_a_directory_without_files(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="absent does not exist"):
        read([str(tmp_path / "absent")])
    with pytest.raises(Failure, match=r"holds no \.yaml, \.yml or \.json file"):
        read([str(tmp_path)])


def test_everything_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: [")
    (tmp_path / "b.yaml").write_text(f"{OBJECT}---\nkind: B\n---\n{OBJECT.replace('one', 'two')}")
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    refused: list[Failure] = []
    found = list(examine([str(tmp_path / "absent"), str(tmp_path)], refused.append))
    assert [one.name for one in found] == ["one", "two"]
    said = [str(one).removeprefix(f"{tmp_path}/").split(": ")[0].split(" cannot")[0] for one in refused]
    assert said == ["absent does not exist", "a.yaml, line 1", "b.yaml, document 2", "c.yaml"]
