"""The scripts that the platform's charts give to a shell, run by one: backups, their rotation, RabbitMQ's cookie."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.charts import platform

TOOLS = {"postgres": "pg_dumpall", "redis": "redis-cli"}
WRITES = """#!/bin/sh
while [ $# -gt 0 ]; do case "$1" in --file|--rdb) printf '%s' "$CONTENT" > "$2";; esac; shift; done
exit "$STATUS"
"""
"""Stands in for the service's own tool: writes $CONTENT where it is told to, and ends with $STATUS."""

every_backup = pytest.mark.parametrize("service", sorted(TOOLS))


def backup(service: str, directory: Path, *, content: str = "data", status: int = 0) -> int:
    """Run the job's script once, its volume in `directory`; the exit status."""
    (job,) = platform.of_kind(platform.objects(service, "backup: {enabled: true, keep: 2}"), "CronJob")
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    tools = directory.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / TOOLS[service]).write_text(WRITES)
    (tools / TOOLS[service]).chmod(0o755)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "CONTENT": content, "STATUS": str(status)}
    command = [argument.replace("/backup", str(directory)) for argument in container["command"]]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """The folder that the job writes into."""
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


@every_backup
def test_the_newest_backups_stay(service: str, volume: Path) -> None:
    """As many as `keep` says, and only its user can read them."""
    ending = {"postgres": "sql.gz", "redis": "rdb"}[service]
    for day in (1, 2, 3):
        (volume / f"2020-01-0{day}T00-00-00Z.{ending}").write_text("old")

    assert backup(service, volume) == 0

    old, new = sorted(volume.iterdir())
    assert old.name == f"2020-01-03T00-00-00Z.{ending}"
    assert new.stat().st_mode & 0o777 == 0o600


@every_backup
@pytest.mark.parametrize(
    ("content", "status", "why"),
    [("half", 1, "the tool failed in the middle"), ("", 1, "the tool could not connect")],
)
def test_a_failed_backup_leaves_the_others_alone(
    service: str, volume: Path, content: str, status: int, why: str
) -> None:
    """It is no backup, and takes no other's place; what is left of it goes with the next."""
    assert backup(service, volume) == 0
    (good,) = volume.iterdir()

    assert backup(service, volume, content=content, status=status) != 0, why

    assert [path for path in volume.iterdir() if ".partial" not in path.name] == [good]
    assert backup(service, volume) == 0
    assert not [path for path in volume.iterdir() if ".partial" in path.name]


def test_a_snapshot_without_content_is_no_backup(volume: Path) -> None:
    assert backup("redis", volume, content="") != 0


@pytest.mark.parametrize(
    ("secret", "expected", "why"),
    [
        ({"password": "a1B2"}, hashlib.sha256(b"a1B2").hexdigest(), "the platform function makes a password alone"),
        ({"password": "a1B2", "erlang-cookie": "COOKIE"}, "COOKIE", "an existing Secret may have both"),
    ],
)
def test_rabbitmqs_cookie(tmp_path: Path, secret: dict[str, str], expected: str, why: str) -> None:
    """Erlang takes it from a file that no other user can read, and a restart finds the file of the time before."""
    (folder, home) = (tmp_path / "secret", tmp_path / "home")
    for directory in (folder, home):
        directory.mkdir()
    for name, content in secret.items():
        (folder / name).write_text(content)
    (prepare,) = platform.stateful_set("rabbitmq")["spec"]["template"]["spec"]["initContainers"]
    places = {"/run/secrets/rabbitmq": str(folder), "/var/lib/rabbitmq": str(home)}
    command = prepare["command"]
    for place, here in places.items():
        command = [argument.replace(place, here) for argument in command]

    for _ in range(2):
        subprocess.run(command, check=True, capture_output=True)
        (home / ".erlang.cookie").chmod(0o400)

    assert (home / ".erlang.cookie").read_text().strip() == expected, why
    assert [path.name for path in home.iterdir()] == [".erlang.cookie"]


@pytest.mark.parametrize(
    ("password", "line"),
    [("a1B2", 'requirepass "a1B2"'), (r"""a"b\c'd $HOME `id`""", r"""requirepass "a\"b\\c'd $HOME `id`" """.rstrip())],
)
def test_redis_reads_its_password_as_it_is(tmp_path: Path, password: str, line: str) -> None:
    """From standard input, quoted as redis.conf has it; the settings of the values are its arguments."""
    server = tmp_path / "redis-server"
    server.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\ncat\n')
    server.chmod(0o755)
    (container,) = platform.stateful_set("redis")["spec"]["template"]["spec"]["containers"]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDISCLI_AUTH": password}

    command = [*container["command"], *container["args"]]
    said = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout.splitlines()

    assert said[:5] == ["-", "--dir", "/data", "--appendonly", "yes"]
    assert said[-1] == line
