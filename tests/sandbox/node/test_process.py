"""A node process beside a real API server process: Jobs and Pods really run, and their status tells of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.apiserver.conftest import Running, start
from tests.sandbox.node.running import MERGE, NAMESPACE, World, conditions, job_spec, pod_spec, until, url, world

Json = dict[str, Any]
JOBS, PODS, SECRETS = "batch/v1/jobs", "v1/pods", "v1/secrets"
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An API server that also plays the controllers of other workloads."""
    flags = ("--namespaces", NAMESPACE, "--workloads-ready-after", "0.1")
    running = start(tmp_path_factory.mktemp("apiserver"), *flags)
    with running.client() as client:
        client.post(url("v1/serviceaccounts"), json=ACCOUNT)
    yield running
    running.stop()


@pytest.fixture
def node(server: Running, tmp_path: Path) -> Iterator[World]:
    """A node of a test's own."""
    # Nothing here may wait for the look that comes now and then.
    flags = ("--back-off", "0.1", "--sync", "3600", "--logs", str(server.data / "pod-logs"))
    with world(server, tmp_path, *flags) as made:
        yield made


def finished(node: World, job: str, kind: str = "Complete") -> Json:
    """A Job's status when it has come to this end."""
    until(lambda: conditions(node.status(JOBS, job)).get(kind, ("",))[0] == "True")
    return node.status(JOBS, job)


def test_a_job_that_succeeds(node: World) -> None:
    """Its Pod runs with the account's token, and both say that it is done, in the words that Helm waits for."""
    program = "import os, yaml; print(yaml.safe_load(open(os.environ['INFRAFORGE_KUBECONFIG']))['current-context'])"
    node.create(JOBS, "good", spec=job_spec(program))

    status = finished(node, "good")
    assert conditions(status) == {
        "SuccessCriteriaMet": ("True", "CompletionsReached"),
        "Complete": ("True", "CompletionsReached"),
    }
    assert (status["succeeded"], status.get("active"), status.get("failed")) == (1, None, None)
    assert status["startTime"] <= status["completionTime"]
    [pod] = node.pods_of("good")
    [container] = pod["status"]["containerStatuses"]
    assert (pod["status"]["phase"], container["state"]["terminated"]["exitCode"]) == ("Succeeded", 0)
    assert container["state"]["terminated"]["reason"] == "Completed"
    log = node.client.get(f"{url(PODS)}/{pod['metadata']['name']}/log")
    assert (log.status_code, log.text) == (200, "sandbox\n")
    assert list((node.data / "pods").iterdir()) == [], "tokens and volumes go with the Pod's end"
    until(lambda: {"SuccessfulCreate", "Completed"} <= node.events("good"))


def test_a_job_that_fails(node: World) -> None:
    """It is tried once more than its limit, and then it has failed; its Pods say how."""
    program = "import sys; print('no Gitea'); sys.exit(3)"
    pod = pod_spec(program, terminationMessagePolicy="FallbackToLogsOnError")
    node.create(JOBS, "bad", spec=job_spec(program, pod=pod, backoffLimit=1))

    status = finished(node, "bad", "Failed")
    assert conditions(status) == {
        "FailureTarget": ("True", "BackoffLimitExceeded"),
        "Failed": ("True", "BackoffLimitExceeded"),
    }
    assert (status["failed"], status.get("succeeded"), status.get("active")) == (2, None, None)
    pods = node.pods_of("bad")
    ends = [one["status"]["containerStatuses"][0]["state"]["terminated"] for one in pods]
    assert [(one["status"]["phase"]) for one in pods] == ["Failed", "Failed"]
    assert [(end["exitCode"], end["reason"], end["message"]) for end in ends] == [(3, "Error", "no Gitea\n")] * 2


def test_a_job_that_takes_too_long(node: World) -> None:
    node.create(JOBS, "slow", spec=job_spec("import signal; signal.pause()", activeDeadlineSeconds=1))

    status = finished(node, "slow", "Failed")
    assert conditions(status)["Failed"] == ("True", "DeadlineExceeded")
    until(lambda: node.pods_of("slow") == [])


def test_a_job_that_lives_on_for_a_while(node: World) -> None:
    """`ttlSecondsAfterFinished` takes it and its Pods away."""
    node.create(JOBS, "short", spec=job_spec("", ttlSecondsAfterFinished=0))

    until(lambda: node.get(JOBS, "short") is None and node.pods_of("short") == [])


def test_a_pod_waits_for_its_secret(node: World) -> None:
    """It says what it waits for, and goes on when that is there."""
    volume = {"name": "v", "secret": {"secretName": "later"}}
    program = "import sys; print(open(sys.argv[1]).read())"
    spec = pod_spec(
        program,
        volumes=(volume,),
        args=["/var/run/infraforge/gitea/token"],
        volumeMounts=[{"name": "v", "mountPath": "/var/run/infraforge/gitea"}],
    )
    node.create(PODS, "waiting", spec=spec)

    def says() -> object:
        [one] = node.status(PODS, "waiting").get("containerStatuses") or [{"state": {}}]
        return (one["state"].get("waiting") or {}).get("message")

    until(lambda: says() == 'MountVolume.SetUp failed for volume "v" : secret "later" not found')
    assert node.status(PODS, "waiting")["phase"] == "Pending"
    assert "FailedMount" in node.events("waiting")
    node.create(SECRETS, "later", stringData={"token": "abc"})
    until(lambda: node.status(PODS, "waiting")["phase"] == "Succeeded")
    assert "Started" in node.events("waiting")


@pytest.mark.parametrize(
    ("policy", "phase", "restarts"),
    [("OnFailure", "Succeeded", 2), ("Never", "Failed", 0)],
)
def test_a_container_that_fails(policy: str, phase: str, restarts: int, node: World) -> None:
    """It is started again if its Pod wants so."""
    program = """
import pathlib, sys
count = pathlib.Path(sys.argv[1], 'count')
tries = len(count.read_text()) if count.exists() else 0
print(tries)
count.write_text('x' * (tries + 1))
sys.exit(tries < 2)
"""
    mount = {"name": "work", "mountPath": "/scratch"}
    volume = {"name": "work", "emptyDir": {}}
    spec = pod_spec(program, policy=policy, volumes=(volume,), args=["/scratch"], volumeMounts=[mount])
    name = f"tries-{policy.lower()}"
    node.create(PODS, name, spec=spec)

    until(lambda: node.status(PODS, name).get("phase") == phase)
    [container] = node.status(PODS, name)["containerStatuses"]
    assert container["restartCount"] == restarts
    assert node.client.get(f"{url(PODS)}/{name}/log").text == f"{restarts}\n", "of the last try alone"


def test_what_is_not_ours_is_left_alone(node: World) -> None:
    """Another image's Job is the workloads stand-in's, another's Pod nobody's."""
    node.create(JOBS, "theirs", spec={"template": {"spec": pod_spec("", image="nginx:1")}})
    node.create(JOBS, "unlabelled", labels={}, spec=job_spec("raise SystemExit(1)"))
    node.create(PODS, "unlabelled", labels={}, spec=pod_spec(""))
    node.create(JOBS, "mine", spec=job_spec(""))

    for name in ("theirs", "unlabelled", "mine"):
        finished(node, name)
    assert [len(node.pods_of(name)) for name in ("theirs", "unlabelled", "mine")] == [0, 0, 1]
    assert node.status(PODS, "unlabelled").get("phase") in (None, "Pending")


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_in(path: Path) -> int:
    """The number that a container has written."""
    until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def writing_its_pid(folder: Path) -> str:
    """A program that says who it is and then does not end, and its child neither."""
    return f"""
import os, pathlib, signal, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])
pathlib.Path({str(folder)!r}, 'child').write_text(f'{{child.pid}}\\n')
pathlib.Path({str(folder)!r}, f'run-{{os.getpid()}}').write_text(f'{{os.getpid()}}\\n')
signal.pause()
"""


def test_a_pod_that_is_deleted(node: World, tmp_path: Path) -> None:
    """Its processes end, and so do those that they have started."""
    node.create(PODS, "goes", spec=pod_spec(writing_its_pid(tmp_path)) | {"terminationGracePeriodSeconds": 1})
    child = pid_in(tmp_path / "child")
    until(lambda: node.status(PODS, "goes").get("phase") == "Running")
    node.client.delete(f"{url(PODS)}/goes")

    until(lambda: not alive(child) and node.get(PODS, "goes") is None)


@pytest.mark.parametrize("killed", [True, False])
def test_a_job_outlives_the_node(killed: bool, node: World, tmp_path: Path) -> None:
    """What was under way is run again, once, by the next node; nothing of the former one runs on."""
    name = f"outlives-{str(killed).lower()}"
    program = f"""
import os, pathlib, signal
first = pathlib.Path({str(tmp_path)!r}, 'first')
if not first.exists():
    first.write_text(f'{{os.getpid()}}\\n')
    signal.pause()
"""
    node.create(JOBS, name, spec=job_spec(program, backoffLimit=0))
    first = pid_in(tmp_path / "first")
    until(lambda: node.pods_of(name)[0]["status"].get("phase") == "Running")
    if killed:
        node.kill()
        assert alive(first)
    else:
        assert node.stop() == 0
        assert not alive(first)
    node.start()

    finished(node, name)
    assert not alive(first)
    [pod] = node.pods_of(name)
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 1


def test_a_job_that_is_deleted(node: World, tmp_path: Path) -> None:
    """Its Pod goes with it, and so does the process."""
    pod = pod_spec(writing_its_pid(tmp_path)) | {"terminationGracePeriodSeconds": 1}
    node.create(JOBS, "cancelled", spec=job_spec("", pod=pod))
    child = pid_in(tmp_path / "child")
    node.client.request("DELETE", f"{url(JOBS)}/cancelled", json={"propagationPolicy": "Background"})

    until(lambda: not alive(child) and node.pods_of("cancelled") == [])


def test_a_mounted_secret_changes(node: World) -> None:
    """A running container reads the new content, without being started again."""
    program = """
import pathlib, sys, time
path = pathlib.Path(sys.argv[1])
print(path.read_text(), flush=True)
while path.read_text() != 'new':
    time.sleep(0.02)  # a file tells nobody that it changed
"""
    mount = {"name": "v", "mountPath": "/mnt"}
    volume = {"name": "v", "secret": {"secretName": "rotated"}}
    node.create(SECRETS, "rotated", stringData={"token": "old"})
    node.create(PODS, "reads", spec=pod_spec(program, volumes=(volume,), args=["/mnt/token"], volumeMounts=[mount]))
    until(lambda: node.client.get(f"{url(PODS)}/reads/log").text == "old\n")
    change = node.client.patch(f"{url(SECRETS)}/rotated", json={"stringData": {"token": "new"}}, headers=MERGE)
    assert change.status_code == 200

    until(lambda: node.status(PODS, "reads").get("phase") == "Succeeded")


@pytest.mark.parametrize(
    ("container", "message", "reason"),
    [
        ({"command": ["no-such-program"]}, 'exec: "no-such-program": No such file or directory', "not in the image"),
        ({"env": [{"name": "X", "value": "a\0b"}]}, "embedded null byte", "no process can have it"),
    ],
)
def test_a_program_that_does_not_start(container: Json, message: str, reason: str, node: World) -> None:
    """The Pod says why, instead of being tried for ever."""
    name = f"unstartable-{len(message)}"
    node.create(PODS, name, spec=pod_spec("", **container))

    until(lambda: node.status(PODS, name).get("phase") == "Failed")
    [one] = node.status(PODS, name)["containerStatuses"]
    ended = one["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128), reason
    assert message in ended["message"]


def test_a_pods_token_opens_the_api_server(node: World) -> None:
    """The process is its ServiceAccount there, and nobody else."""
    program = """
import os, pathlib, shared.kube.connection as connection
kube = connection.connect(pathlib.Path(os.environ['INFRAFORGE_KUBECONFIG']))
kube.ping()
"""
    node.create(PODS, "asks", spec=pod_spec(program))

    until(lambda: node.status(PODS, "asks").get("phase") in ("Succeeded", "Failed"))
    assert node.status(PODS, "asks")["phase"] == "Succeeded"


def test_an_api_server_that_goes_away(tmp_path: Path) -> None:
    """What ends meanwhile is told when it is back."""
    server = start(tmp_path / "api", "--namespaces", NAMESPACE)
    with server.client() as client:
        client.post(url("v1/serviceaccounts"), json=ACCOUNT)
    release = tmp_path / "release"
    program = f"""
import pathlib, time
pathlib.Path({str(tmp_path)!r}, 'begun').touch()
while not pathlib.Path({str(release)!r}).exists():
    time.sleep(0.02)  # a file tells nobody that it is there
"""
    with world(server, tmp_path / "node") as node:
        node.create(JOBS, "patient", spec=job_spec(program))
        until((tmp_path / "begun").exists)
        server.process.kill()
        server.process.wait()
        release.touch()
        again = start(tmp_path / "api", port=server.port)

        status = finished(node, "patient")
    assert (status["succeeded"], status.get("failed")) == (1, None)
    assert again.stop() == 0
