"""Charts of strangers: unpacked within bounds, and nothing in them that makes Helm fetch something."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from shared.helm import Engine, RenderFailed
from shared.rendering.package import MAX_BYTES, MAX_FILES, Unfit, harmless, is_self_contained, unpack

MANIFEST = b"apiVersion: v2\nname: small\nversion: 1.0.0\n"


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size, found.type, found.linkname = size, kind, link
    return found


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def packed(files: dict[str, bytes], folder: str = "small") -> bytes:
    return archive(*((member(f"{folder}/{path}", len(data)), data) for path, data in files.items()))


def test_an_archive_is_its_folders_files() -> None:
    files = {"Chart.yaml": MANIFEST, "templates/a.yaml": b"a: 1\n"}

    assert unpack(packed(files)) == files


def test_folders_are_no_files() -> None:
    found = unpack(archive((member("small", kind=tarfile.DIRTYPE), b""), (member("small/Chart.yaml", 1), b"a")))

    assert found == {"Chart.yaml": b"a"}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no archive", id="no gzip"),
        pytest.param(gzip.compress(b"no archive" * 100), id="no tar"),
        pytest.param(packed({"Chart.yaml": MANIFEST})[:-30], id="cut off"),
        pytest.param(packed({"values.yaml": b""}), id="no chart"),
        pytest.param(archive((member("Chart.yaml", 1), b"a")), id="not in a folder"),
        pytest.param(archive((member("../small/Chart.yaml", 1), b"a")), id="above"),
        pytest.param(archive((member("small/../../x", 1), b"a")), id="above by a detour"),
        pytest.param(archive((member("/small/Chart.yaml", 1), b"a")), id="from the root"),
        pytest.param(archive((member("small\\Chart.yaml", 1), b"a")), id="as Windows writes it"),
        pytest.param(archive((member("small/a", kind=tarfile.SYMTYPE, link="/etc/passwd"), b"")), id="a symbolic link"),
        pytest.param(archive((member("small/a", kind=tarfile.LNKTYPE, link="small/b"), b"")), id="a hard link"),
        pytest.param(archive((member("small/a", kind=tarfile.CHRTYPE), b"")), id="a device"),
        pytest.param(packed({f"{n}": b"" for n in range(MAX_FILES + 1)}), id="too many files"),
        pytest.param(packed({"a": bytes(MAX_BYTES * 2)}), id="a large file that packs well"),
        pytest.param(packed({f"{n}": bytes(MAX_BYTES // 10) for n in range(20)}), id="large together"),
        pytest.param(archive((member("small/" + "n" * MAX_BYTES * 2, 0), b"")), id="a header of megabytes"),
    ],
)
def test_what_is_no_chart_or_too_much_of_one_is_left_alone(data: bytes) -> None:
    with pytest.raises(Unfit):
        unpack(data)


def test_archived_dependencies_become_folders() -> None:
    inner = packed({"Chart.yaml": MANIFEST, "charts/deep-1.0.0.tgz": packed({"Chart.yaml": MANIFEST}, "deep")}, "sub")

    found = harmless({"Chart.yaml": MANIFEST, "charts/sub-1.0.0.tgz": inner, "charts/_old.tgz": b"ignored by Helm"})

    assert set(found) == {
        "Chart.yaml",
        "charts/_old.tgz",
        "charts/sub-1.0.0/Chart.yaml",
        "charts/sub-1.0.0/charts/deep-1.0.0/Chart.yaml",
    }


def test_a_folder_renders_as_its_archive_did() -> None:
    template = b"a: {{ .Values.word }}\n"
    sub = {"Chart.yaml": b"apiVersion: v2\nname: sub\nversion: 0.1.0\n", "templates/a.yaml": template}
    chart = {
        "Chart.yaml": MANIFEST + b"dependencies: [{name: sub, version: 0.1.0}]\n",
        "values.yaml": b"sub: {word: hello}\n",
        "charts/sub-0.1.0.tgz": packed(sub, "sub"),
    }
    engine = Engine.load()
    assert engine is not None

    as_archive, as_folder = (
        engine.render(one, release="a", namespace="b", values=b"") for one in (chart, harmless(chart))
    )

    assert "hello" in as_archive
    assert as_folder == as_archive


def test_archives_within_archives_come_to_an_end() -> None:
    data = packed({"Chart.yaml": MANIFEST})
    for _ in range(8):
        data = packed({"Chart.yaml": MANIFEST, "charts/a.tgz": data})

    with pytest.raises(Unfit, match="too deep"):
        harmless({"Chart.yaml": MANIFEST, "charts/a.tgz": data})


def test_a_large_chart_is_left_alone() -> None:
    with pytest.raises(Unfit, match="larger than 12 MiB"):
        harmless({"Chart.yaml": MANIFEST, "a": bytes(MAX_BYTES)})


@pytest.mark.parametrize(
    ("schema", "expected", "why"),
    [
        ("{}", True, "says nothing"),
        ('{"$ref": "#/$defs/a", "$defs": {"a": {}}}', True, "its own parts"),
        ('{"$schema": "https://json-schema.org/draft-07/schema#"}', True, "a language that Helm holds"),
        ('{"$schema": "http://example.com/mine"}', False, "another is fetched"),
        ('{"$ref": "http://169.254.169.254/latest/meta-data"}', False, "an address"),
        ('{"$ref": "file:///etc/passwd"}', False, "a file"),
        ('{"properties": {"a": {"allOf": [{"$ref": "https://example.com/a"}]}}}', False, "further in"),
        ('{"$id": "http://example.com/", "$ref": "other.json"}', False, "beside an address of its own"),
        ('{"$dynamicRef": "http://example.com/a"}', False, "the other kinds of references"),
        ('{"$ref": "#a", "$ref": "http://example.com/a"}', False, "twice: who knows which one counts"),
        ('{"properties": {"$ref": {"type": "string"}}}', True, "a value of that name"),
        ("no JSON", True, "Helm says so"),
        ("[" * 100_000, True, "Helm says so"),
    ],
)
def test_a_schema_refers_to_itself(schema: str, expected: bool, why: str) -> None:
    assert is_self_contained(schema.encode()) == expected, why


def test_helm_would_follow_a_reference(tmp_path: Path) -> None:
    """What the precaution is against: if this fails some day, it may go."""
    (tmp_path / "secret").write_text("no JSON")
    schema = {"$ref": f"file://{tmp_path}/secret"}
    chart = {"Chart.yaml": MANIFEST, "values.schema.json": json.dumps(schema).encode()}
    engine = Engine.load()
    assert engine is not None

    with pytest.raises(RenderFailed, match=r"failing loading .*secret"):
        engine.render(chart, release="a", namespace="b", values=b"")

    assert engine.render(harmless(chart), release="a", namespace="b", values=b"") == ""
