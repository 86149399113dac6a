"""`infraforge crds`."""

import json
from pathlib import Path

import yaml

from cli import exits
from shared.claims import crd
from tests.cli.conftest import Infraforge


def test_printed_as_yaml_and_as_json(infraforge: Infraforge) -> None:
    assert list(yaml.safe_load_all(infraforge("crds").stdout)) == crd.manifests()
    assert json.loads(infraforge("crds", "--output", "json").stdout)["items"] == crd.manifests()


def test_written_files_pass_the_check_until_somebody_edits_one(infraforge: Infraforge, tmp_path: Path) -> None:
    folder = tmp_path / "crds"
    assert infraforge("crds", "--write", str(folder)).returncode == exits.OK
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == crd.files()
    assert infraforge("crds", "--check", str(folder)).returncode == exits.OK
    edited = next(folder.iterdir())
    edited.write_text("edited")
    done = infraforge("crds", "--check", str(folder))
    assert done.returncode == exits.FAILED
    assert edited.name in done.stderr


def test_the_committed_ones_are_up_to_date(infraforge: Infraforge) -> None:
    committed = Path(__file__).resolve().parents[2] / "knative" / "files" / "crds"
    done = infraforge("crds", "--check", str(committed))
    assert done.returncode == exits.OK, done.stderr
