"""What was done in the working tree before each recorded git command, found out from the payloads of their webhooks."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.gitea.client import GitClient
from tests.sandbox.gitea.server import Server

_POLICY = "#!/bin/sh\necho 'policy: files must be signed off' >&2\nexit 1\n"
_RACERS = 4
_GATE = """#!/bin/sh
read -r old new ref
touch "{gate}/$$"
while [ "$(ls "{gate}" | wc -l)" -lt {racers} ]; do sleep 0.01; done
[ "$(git log -1 --format=%s "$new")" = "race 0" ] && exit
while [ "$(git rev-parse "$ref")" = "$old" ]; do sleep 0.01; done
"""


@dataclass(frozen=True)
class Worktree:
    """The clone `w`, and the server's copy of the repository for an operator's hooks."""

    git: GitClient
    server: Server

    @property
    def path(self) -> Path:
        return self.git.home / "w"

    def prepare(self, case: str) -> None:
        """Do what has to be done before the command of this case runs."""
        if case in _PREPARATIONS:
            _PREPARATIONS[case](self)

    def commit(self, message: str, **files: str) -> None:
        self.git.commit(self.path, message, **files)

    def run(self, *arguments: str) -> None:
        self.git.run(*arguments, cwd=self.path)

    def change_file(self, message: str, path: str, text: str) -> None:
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        self.commit(message)

    def follow(self) -> None:
        """Be where the server is."""
        self.run("fetch", "--quiet", "origin", "main")
        self.run("reset", "--quiet", "--hard", "FETCH_HEAD")

    def install_hook(self, name: str, script: str) -> None:
        """As an operator does."""
        hook = self.server.data / "repositories" / "infraforge" / "voltran.git" / "hooks" / "pre-receive.d" / name
        hook.parent.mkdir(parents=True, exist_ok=True)
        hook.write_text(script)
        hook.chmod(0o755)

    def remove_hooks(self) -> None:
        shutil.rmtree(self.server.data / "repositories" / "infraforge" / "voltran.git" / "hooks")

    def race(self) -> list["subprocess.CompletedProcess[str]"]:
        """Four clones push onto one head at once; a hook holds all until four are past the look at the head.

        The first then wins, as it did when this was recorded: the others wait in the hook until the head has moved.
        """
        gate = self.git.home / "gate"
        gate.mkdir()
        self.install_hook("gate", _GATE.format(gate=gate, racers=_RACERS))
        clones = []
        for number in range(_RACERS):
            clone = self.git.home / f"race{number}"
            self.git.run("clone", "--quiet", str(self.path), str(clone))
            url = self.git.run("remote", "get-url", "origin", cwd=self.path)
            self.git.run("remote", "set-url", "origin", url, cwd=clone)
            self.git.commit(clone, f"race {number}", **{f"race{number}.txt": "r\n"})
            clones.append(clone)
        command = ["git", "push", "origin", "main"]
        started = [
            subprocess.Popen(command, cwd=clone, env=self.git.environment, stderr=subprocess.PIPE, text=True)
            for clone in clones
        ]
        done = [subprocess.CompletedProcess(command, one.wait(60), "", one.communicate()[1]) for one in started]
        self.remove_hooks()
        self.follow()
        return done


def _seven(tree: Worktree) -> None:
    for number in range(7):
        tree.change_file(
            f"change {number}", f"environments/nonprod/dev/applications/y{number}/values.yaml", f"y: {number}\n"
        )


def _rename(tree: Worktree) -> None:
    applications = "environments/nonprod/dev/applications"
    tree.run("rm", "--quiet", f"{applications}/y1/values.yaml")
    (tree.path / applications / "z2").mkdir()
    tree.run("mv", f"{applications}/y2/values.yaml", f"{applications}/z2/values.yaml")
    tree.commit("remove and rename")


def _topic(tree: Worktree) -> None:
    tree.run("checkout", "--quiet", "-b", "topic")
    tree.change_file("topic", "t.txt", "t\n")


def _two(tree: Worktree) -> None:
    tree.run("checkout", "--quiet", "main")
    tree.change_file("two refs", "u.txt", "u\n")
    tree.run("branch", "side")


def _forty(tree: Worktree) -> None:
    tree.follow()
    for number in range(40):
        tree.change_file(f"bulk {number}", f"bulk/f{number}.txt", f"{number}\n")


def _refused(tree: Worktree) -> None:
    tree.install_hook("policy", _POLICY)
    tree.change_file("policy", "pol.txt", "p\n")


def _rewritten(tree: Worktree) -> None:
    tree.change_file("rewritten", "root-apps/b.yaml", "b: 1\n")


def _protected_force(tree: Worktree) -> None:
    tree.run("reset", "--quiet", "--hard", "HEAD~1")
    tree.change_file("forced", "f.txt", "f\n")


def _sink(message: str) -> Callable[[Worktree], None]:
    return lambda tree: tree.change_file(message, "s.txt", f"{message}\n")


_PREPARATIONS: dict[str, Callable[[Worktree], None]] = {
    "push-one-commit": lambda tree: tree.change_file(
        "one change", "environments/nonprod/dev/applications/x/values.yaml", "replicas: 4\n"
    ),
    "push-seven-commits": _seven,
    "push-remove-and-rename": _rename,
    "push-non-fast-forward": lambda tree: tree.run("reset", "--quiet", "--hard", "HEAD~1"),
    "push-force": _rewritten,
    "push-new-branch": _topic,
    "push-tag": lambda tree: tree.run("tag", "v1"),
    "push-two-branches": _two,
    "push-forty-commits": _forty,
    "push-sink-500": _sink("sink 500"),
    "push-sink-7s": _sink("sink slow"),
    "push-no-secret-hook": _sink("no secret"),
    "push-form-hook": _sink("form"),
    "push-branch-filter": _sink("filtered"),
    "push-force-with-lease-stale": lambda tree: tree.change_file("lease", "l.txt", "l\n"),
    "push-pre-receive-policy": _refused,
    "push-protected": lambda tree: tree.change_file("protected", "p.txt", "p\n"),
    "push-protected-force": _protected_force,
    "push-archived": lambda tree: tree.change_file("archived", "ar.txt", "a\n"),
}
