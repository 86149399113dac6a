"""From containers to processes: arguments, variables, paths, and what keeps one from starting."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.node.container import PACKAGES, Process, process_of
from sandbox.node.errors import NotStartable
from sandbox.node.mounts import Mounts
from sandbox.node.pod import Pod
from tests.sandbox.node.objects import FakeObjects

Json = dict[str, Any]
IMAGE = "ghcr.io/infraforge/bootstrap:0.1.0"
MOUNT = {"name": "gitea", "mountPath": "/var/run/infraforge/gitea", "readOnly": True}
VOLUME = {"name": "gitea", "secret": {"secretName": "infraforge-gitea", "defaultMode": 0o444}}


@pytest.fixture
def api() -> FakeObjects:
    """A cluster with what the pods of the tests name."""
    made = FakeObjects()
    made.account("infraforge-bootstrap")
    made.secret("infraforge-gitea", token="abc")
    made.config_map("settings", LIMIT="10")
    return made


def pod(container: Json, *volumes: Json, **spec: Any) -> Pod:
    """A pod with one container."""
    account = {"serviceAccountName": "infraforge-bootstrap"}
    return Pod(
        "platform-system",
        "infraforge-bootstrap",
        {**account, "containers": [container], "volumes": list(volumes), **spec},
    )


def started(container: Json, api: FakeObjects, root: Path, *volumes: Json, **spec: Any) -> Process:
    """What is started for the only container of a pod."""
    container = {"name": "function", "image": IMAGE, **container}
    made = pod(container, *volumes, **spec)
    mounts = Mounts(made, root, api, lambda: api.time)
    mounts.refresh()
    return process_of(container, pod=made, mounts=mounts, api=api, port=8123)


ENTRY = (
    *(sys.executable, "-m", "functions_framework"),
    *("--source", str(PACKAGES / "functions/bootstrap/main.py"), "--target", "bootstrap"),
    *("--signature-type", "http", "--host", "127.0.0.1", "--port", "8123"),
)


@pytest.mark.parametrize(
    ("container", "arguments", "reason"),
    [
        ({}, ENTRY, "no command: the image's entry point"),
        ({"args": ["--debug"]}, (*ENTRY, "--debug"), "arguments go to the entry point"),
        (
            {"command": ["python", "-m", "functions.bootstrap.setup"]},
            (sys.executable, "-m", "functions.bootstrap.setup"),
            "a command replaces the entry point",
        ),
        (
            {"command": ["python"], "args": ["-m", "x", "$(A)", "$$(A)", "$(B)"], "env": [{"name": "A", "value": "1"}]},
            (sys.executable, "-m", "x", "1", "$(A)", "$(B)"),
            "variables are expanded as the kubelet does",
        ),
        ({"command": ["git", "version"]}, ("git", "version"), "another program of the image"),
    ],
)
def test_the_command_line(
    container: Json, arguments: tuple[str, ...], reason: str, api: FakeObjects, tmp_path: Path
) -> None:
    assert started(container, api, tmp_path).arguments == arguments, reason


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ({"value": "http://gitea:3000"}, "http://gitea:3000", "a plain one"),
        ({"value": "$(A)/$(B)"}, "1/$(B)", "only what stands before it is known"),
        ({"valueFrom": {"secretKeyRef": {"name": "infraforge-gitea", "key": "token"}}}, "abc", "of a Secret"),
        ({"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "LIMIT"}}}, "10", "of a ConfigMap"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}, "platform-system", "of the pod"),
        ({"valueFrom": {"secretKeyRef": {"name": "no", "key": "x", "optional": True}}}, None, "an optional Secret"),
        (
            {"valueFrom": {"secretKeyRef": {"name": "infraforge-gitea", "key": "x", "optional": True}}},
            None,
            "an optional key",
        ),
        ({}, "", "nothing said is an empty one"),
    ],
)
def test_variables(variable: Json, value: str | None, reason: str, api: FakeObjects, tmp_path: Path) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "X", **variable}, {"name": "B", "value": "2"}]

    assert started({"env": env}, api, tmp_path).environment.get("X") == value, reason


def test_all_of_a_secret(api: FakeObjects, tmp_path: Path) -> None:
    """`envFrom` with a prefix, which `env` overrides."""
    sources = [{"prefix": "G_", "secretRef": {"name": "infraforge-gitea"}}, {"configMapRef": {"name": "settings"}}]
    environment = started(
        {"envFrom": sources, "env": [{"name": "LIMIT", "value": "$(LIMIT)0"}]}, api, tmp_path
    ).environment

    assert (environment["G_token"], environment["LIMIT"]) == ("abc", "100")


def test_paths_lead_to_the_folders(api: FakeObjects, tmp_path: Path) -> None:
    """In variables, arguments and options; only whole path elements, and the longest mount path first."""
    folder = tmp_path / "volumes"
    env = {
        "FILE": "/var/run/infraforge/gitea/token",
        "FOLDER": "/var/run/infraforge/gitea",
        "OTHER": "/var/run/infraforge/gitea-old/token",
        "WORK": "/var/run/x",
    }
    container = {
        "command": ["python", "-m", "x", "--file=/var/run/infraforge/gitea/token", "/var/run/infraforge/gitea/token"],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "volumeMounts": [{"name": "work", "mountPath": "/var/run/"}, MOUNT],
    }
    process = started(container, api, tmp_path, VOLUME, {"name": "work", "emptyDir": {}})

    assert process.arguments[3:] == (f"--file={folder}/gitea/token", f"{folder}/gitea/token")
    assert {name: process.environment[name] for name in env} == {
        "FILE": f"{folder}/gitea/token",
        "FOLDER": f"{folder}/gitea",
        "OTHER": f"{folder}/work/infraforge/gitea-old/token",
        "WORK": f"{folder}/work/x",
    }
    assert Path(process.environment["FILE"]).read_text() == "abc"
    assert (folder / "work").is_dir()


def test_what_an_image_says(api: FakeObjects, tmp_path: Path) -> None:
    """The working directory, and where to write, which our processes know without being told."""
    mounts = [{"name": "cache", "mountPath": "/var/cache/infraforge"}, {"name": "tmp", "mountPath": "/tmp"}]
    volumes = [{"name": "cache", "emptyDir": {}}, {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]
    process = started({"volumeMounts": mounts}, api, tmp_path, *volumes)

    assert process.folder == PACKAGES
    assert process.environment["INFRAFORGE_CACHE_DIR"] == str(tmp_path / "volumes/cache")
    assert process.environment["TMPDIR"] == str(tmp_path / "volumes/tmp")
    assert (process.environment["HOST"], process.environment["PORT"]) == ("127.0.0.1", "8123")
    assert "token" not in repr(process)


def test_the_account(api: FakeObjects, tmp_path: Path) -> None:
    """A kubeconfig with the account's token."""
    process = started({}, api, tmp_path)
    path = Path(process.environment["INFRAFORGE_KUBECONFIG"])
    document = yaml.safe_load(path.read_text())

    assert document["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:6443",
        "certificate-authority": "ca.crt",
    }
    assert (path.parent / document["users"][0]["user"]["tokenFile"]).read_text() == "token-1"
    assert (path.parent / "ca.crt").read_text() == "PEM"
    assert api.asked == [{"audiences": [], "expirationSeconds": 3607}]


@pytest.mark.parametrize(
    ("pods", "accounts", "mounted", "reason"),
    [
        (None, None, True, "a token is what a pod gets"),
        (False, None, False, "unless it wants none"),
        (None, False, False, "or its account does not"),
        (True, False, True, "but the pod's own word counts"),
        (False, True, False, "either way"),
    ],
)
def test_a_pod_without_a_token(
    pods: bool | None, accounts: bool | None, mounted: bool, reason: str, api: FakeObjects, tmp_path: Path
) -> None:
    said = [{} if one is None else {"automountServiceAccountToken": one} for one in (pods, accounts)]
    api.account("infraforge-bootstrap", **said[1])

    assert ("INFRAFORGE_KUBECONFIG" in started({}, api, tmp_path, **said[0]).environment) is mounted, reason


def _of_secret(**reference: Any) -> Json:
    return {"env": [{"name": "X", "valueFrom": {"secretKeyRef": reference}}]}


@pytest.mark.parametrize(
    ("container", "volume", "account", "said"),
    [
        (_of_secret(name="no", key="a"), None, None, ("CreateContainerConfigError", 'secret "no" not found')),
        (
            _of_secret(name="infraforge-gitea", key="a"),
            None,
            None,
            ("CreateContainerConfigError", "couldn't find key a in Secret platform-system/infraforge-gitea"),
        ),
        (
            {"envFrom": [{"configMapRef": {"name": "no"}}]},
            None,
            None,
            ("CreateContainerConfigError", 'configmap "no" not found'),
        ),
        (
            {},
            {"secret": {"secretName": "no"}},
            None,
            ("ContainerCreating", 'MountVolume.SetUp failed for volume "v" : secret "no" not found'),
        ),
        (
            {},
            {"secret": {"secretName": "infraforge-gitea", "items": [{"key": "a", "path": "b"}]}},
            None,
            ("ContainerCreating", 'MountVolume.SetUp failed for volume "v" : references non-existent secret key: a'),
        ),
        (
            {},
            {"hostPath": {"path": "/"}},
            None,
            (
                "ContainerCreating",
                'MountVolume.SetUp failed for volume "v" : volume "v": the sandbox mounts no hostPath',
            ),
        ),
        (
            {},
            None,
            "nobody",
            (
                "ContainerCreating",
                'error looking up service account platform-system/nobody: serviceaccount "nobody" not found',
            ),
        ),
        (
            {"image": "nginx:1"},
            None,
            None,
            ("ErrImagePull", 'the sandbox cannot run image "nginx:1": it is not one of InfraForge\'s'),
        ),
    ],
)
def test_what_keeps_a_container_from_starting(
    container: Json, volume: Json | None, account: str | None, said: tuple[str, str], api: FakeObjects, tmp_path: Path
) -> None:
    """In the kubelet's words, so that it can be waited for and looked up."""
    volumes = [{"name": "v", **volume}] if volume else []
    more = {"serviceAccountName": account} if account else {}
    with pytest.raises(NotStartable) as raised:
        started(container, api, tmp_path, *volumes, **more)

    assert (raised.value.reason, str(raised.value)) == said
