"""Reading the repository that everything ends in."""

import subprocess
from pathlib import Path

from rich.console import Console

from cli.voltran import Voltran


def test_commits_and_files_of_a_repository(tmp_path: Path) -> None:
    repository = tmp_path / "platform" / "voltran.git"
    repository.mkdir(parents=True)

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, capture_output=True)

    git("init", "--initial-branch=main")
    (repository / "environments" / "dev").mkdir(parents=True)
    (repository / "environments" / "dev" / "values.yaml").write_text("a: 1\n")
    git("add", "environments")
    git("commit", "-m", "First")
    (repository / "über.yaml").write_text("b: 2\n")
    git("add", "über.yaml")
    git("commit", "-m", "Second: of two\n\nwith a body")
    voltran = Voltran.read(str(tmp_path), "platform", "no-token")
    assert [commit.subject for commit in voltran.commits] == ["Second: of two", "First"]
    assert voltran.files == ("environments/dev/values.yaml", "über.yaml")


def test_no_repository_is_an_empty_one(tmp_path: Path) -> None:
    assert Voltran.read(str(tmp_path), "platform", "no-token") == Voltran()


def test_the_tree_shows_each_folder_once() -> None:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(Voltran((), ("a/b/one", "a/b/two", "a/three", "four")).tree())
    assert capture.get().splitlines() == [
        "voltran/",
        "├── a/",
        "│   ├── b/",
        "│   │   ├── one",
        "│   │   └── two",
        "│   └── three",
        "└── four",
    ]
