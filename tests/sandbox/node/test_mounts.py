"""Volumes as folders: what lies in them, who may read it, and how it changes."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from sandbox.argocd.api import ApiError
from sandbox.node.errors import NotStartable
from sandbox.node.mounts import Mounts
from sandbox.node.pod import Pod
from tests.sandbox.node.objects import FakeObjects

Json = dict[str, Any]


@pytest.fixture
def api() -> FakeObjects:
    """A cluster with an account and a Secret."""
    made = FakeObjects()
    made.account("default")
    made.secret("s", a="1", b="2")
    made.config_map("c", d="3")
    return made


def mounts(api: FakeObjects, root: Path, *volumes: Json, uid: str = "", **spec: Any) -> Mounts:
    """The mounts of a pod with these volumes."""
    made = Pod("platform-system", "p", {"volumes": [{"name": "v", **one} for one in volumes], **spec}, uid)
    return Mounts(made, root, api, lambda: api.time)


def content(folder: Path) -> dict[str, str]:
    """The files that a container sees."""
    found = {}
    for where, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith("..")]
        found |= {
            (Path(where) / name).relative_to(folder).as_posix(): (Path(where) / name).read_text() for name in files
        }
    return found


@pytest.mark.parametrize(
    ("volume", "files", "reason"),
    [
        ({"secret": {"secretName": "s"}}, {"a": "1", "b": "2"}, "every key is a file"),
        ({"secret": {"secretName": "s", "items": [{"key": "b", "path": "x/y"}]}}, {"x/y": "2"}, "the named ones only"),
        ({"secret": {"secretName": "no", "optional": True}}, {}, "an optional one that is missing is empty"),
        (
            {"secret": {"secretName": "s", "optional": True, "items": [{"key": "no", "path": "x"}]}},
            {},
            "an optional key too",
        ),
        ({"configMap": {"name": "c"}}, {"d": "3"}, "a ConfigMap"),
        (
            {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"name": "p"},
            "the pod's own fields",
        ),
        ({"emptyDir": {}}, {}, "an empty one"),
        (
            {
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"path": "token", "audience": "gitea", "expirationSeconds": 600}},
                        {"secret": {"name": "s", "items": [{"key": "a", "path": "a"}]}},
                        {"configMap": {"name": "c"}},
                    ]
                }
            },
            {"token": "token-1", "a": "1", "d": "3"},
            "several in one",
        ),
    ],
)
def test_what_lies_in_a_volume(
    volume: Json, files: dict[str, str], reason: str, api: FakeObjects, tmp_path: Path
) -> None:
    made = mounts(api, tmp_path, volume)
    made.refresh()

    assert content(made.folder("v")) == files, reason
    assert made.refresh() == [], "nothing has changed"


@pytest.mark.parametrize(
    ("modes", "mode"),
    [
        ({}, 0o600),
        ({"defaultMode": 0o444}, 0o400),
        ({"defaultMode": 0o444, "items": [{"key": "a", "path": "a", "mode": 0o755}]}, 0o700),
    ],
)
def test_who_may_read_it(modes: Json, mode: int, api: FakeObjects, tmp_path: Path) -> None:
    """The owner, as far as the volume's mode lets it; nobody else of this machine."""
    made = mounts(api, tmp_path / "root", {"secret": {"secretName": "s", **modes}})
    made.refresh()

    assert stat.S_IMODE((made.folder("v") / "a").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "root").stat().st_mode) == 0o700


def test_a_secret_that_changes(api: FakeObjects, tmp_path: Path) -> None:
    """All of its files change at once, keys that are gone go, and what was there before leaves nothing behind."""
    made = mounts(api, tmp_path, {"secret": {"secretName": "s"}})
    made.refresh()
    folder = made.folder("v")
    before = (folder / "..data").resolve()
    api.secret("s", a="new", c="3")

    assert made.refresh() == ["v"]
    assert content(folder) == {"a": "new", "c": "3"}
    assert not before.exists()
    assert {path.name for path in folder.iterdir()} == {"..data", (folder / "..data").resolve().name, "a", "c"}


def test_what_an_empty_one_holds_stays(api: FakeObjects, tmp_path: Path) -> None:
    made = mounts(api, tmp_path, {"emptyDir": {}})
    made.refresh()
    (made.folder("v") / "clone").write_text("ours")

    assert made.refresh() == []
    assert content(made.folder("v")) == {"clone": "ours"}


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "..data"])
def test_paths_that_lead_out(path: str, api: FakeObjects, tmp_path: Path) -> None:
    with pytest.raises(NotStartable, match="must stay below the volume"):
        mounts(api, tmp_path, {"secret": {"secretName": "s", "items": [{"key": "a", "path": path}]}}).refresh()


def account_token(root: Path) -> str:
    """The token that the pod's kubeconfig names."""
    return (root / "kube-api-access/token").read_text()


def test_a_token_is_renewed_before_it_expires(api: FakeObjects, tmp_path: Path) -> None:
    """When four fifths of its life are over, and not before; it outlives the process that asked for it."""
    mounts(api, tmp_path).refresh()
    api.time += 3607 * 0.79
    assert mounts(api, tmp_path).refresh() == []
    api.time += 3607 * 0.02

    assert mounts(api, tmp_path).refresh() == ["kube-api-access"]
    assert account_token(tmp_path) == "token-2"


def test_a_token_of_a_long_life_is_renewed_every_day(api: FakeObjects, tmp_path: Path) -> None:
    """As the kubelet does: whoever stole it has it for a day."""
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 30 * 24 * 3600}}
    made = mounts(api, tmp_path, {"projected": {"sources": [token]}}, automountServiceAccountToken=False)
    made.refresh()
    api.time += 24 * 3600
    assert made.refresh() == []
    api.time += 1

    assert made.refresh() == ["v"]


def test_no_new_token_is_to_be_had(api: FakeObjects, tmp_path: Path) -> None:
    """The old one serves for as long as it is good."""
    made = mounts(api, tmp_path)
    made.refresh()
    api.down = True
    api.time += 3607 * 0.9
    assert made.refresh() == []
    api.time += 3607 * 0.2

    with pytest.raises(ApiError):
        made.refresh()


def test_an_account_that_was_made_again(api: FakeObjects, tmp_path: Path) -> None:
    """Its old token is refused by then."""
    made = mounts(api, tmp_path)
    made.refresh()
    api.account("default", uid="2")

    assert made.refresh() == ["kube-api-access"]


def test_a_pods_token_is_bound_to_it(api: FakeObjects, tmp_path: Path) -> None:
    mounts(api, tmp_path, uid="u1").refresh()

    assert api.asked[0]["boundObjectRef"] == {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u1"}


def test_the_secrets_of_a_pod() -> None:
    """Those whose change has to reach its folders."""
    projected = {"projected": {"sources": [{"secret": {"name": "b"}}, {"configMap": {"name": "c"}}]}}
    volumes = [{"secret": {"secretName": "a"}}, {"emptyDir": {}}, projected]

    assert Pod("ns", "p", {"volumes": volumes}).secrets == {"a", "b"}
