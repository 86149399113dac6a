"""Many files in one commit by REST, beyond what the recordings hold."""

import base64
from typing import Any

import pytest

from tests.sandbox.gitea.server import Server


@pytest.fixture(scope="module")
def contents(server: Server) -> str:
    """Where to post, in a repository with `folder/file`."""
    server.made("POST", "/orgs", {"username": "changes"})
    server.made("POST", "/orgs/changes/repos", {"name": "code"})
    path = "/repos/changes/code/contents"
    server.made("POST", path, {"message": "first", "files": [change("create", "folder/file", "text")]})
    return path


def change(operation: str, path: str, text: str = "", **more: Any) -> dict[str, Any]:
    return {"operation": operation, "path": path, "content": base64.b64encode(text.encode()).decode(), **more}


@pytest.mark.parametrize(
    ("operation", "status", "message"),
    [
        pytest.param(change("create", "folder", "x"), 422, "a directory exists", id="a file in place of a folder"),
        pytest.param(change("create", "folder/file/x", "x"), 422, "a file exists", id="a file inside a file"),
        pytest.param(
            change("update", "none", "x"), 404, "does not exist [path: none]", id="updating what is not there"
        ),
        pytest.param(change("delete", "none"), 404, "does not exist [path: none]", id="deleting what is not there"),
        pytest.param(change("delete", "folder"), 404, "does not exist [path: folder]", id="deleting a folder"),
        pytest.param(change("create", "a/.GIT/config", "x"), 422, "malformed path component", id="Git's own folder"),
        pytest.param(change("create", "", "x"), 500, "", id="no path"),
        pytest.param(change("create", "x", "x") | {"content": "YQ=!"}, 422, "illegal base64 data", id="broken base64"),
    ],
)
def test_refusals(server: Server, contents: str, operation: dict[str, Any], status: int, message: str) -> None:
    """Each with its reason, and nothing is committed."""
    before = server.made("GET", "/repos/changes/code/branches/main")["commit"]["id"]
    answer = server.call("POST", contents, {"message": "refused", "files": [operation]})
    assert answer.status_code == status
    assert message in answer.json()["message"]
    assert server.made("GET", "/repos/changes/code/branches/main")["commit"]["id"] == before


def test_moving_a_file(server: Server, contents: str) -> None:
    """`from_path` is gone, the new path is there, and both are one commit."""
    server.made("POST", contents, {"message": "old", "files": [change("create", "old name", "1")]})
    moved = change("update", "new/näme", "2", from_path="old name")
    sha = server.made("POST", contents, {"message": "move", "files": [moved]})["commit"]["sha"]
    commit = server.made("GET", f"/repos/changes/code/git/commits/{sha}")
    assert {one["filename"]: one["status"] for one in commit["files"]} == {"old name": "removed", "new/näme": "added"}
    assert server.call("GET", "/repos/changes/code/raw/new/näme").text == "2"


def test_who_signs(server: Server, contents: str) -> None:
    """An author alone is the committer too, and a sign-off is the committer's."""
    author = {"name": "Ada", "email": "ada@example.com"}
    body = {"message": "signed", "files": [], "author": author, "signoff": True}
    commit = server.made("POST", contents, body)["commit"]
    assert [commit[role]["email"] for role in ("author", "committer")] == ["ada@example.com"] * 2
    assert commit["message"] == "signed\n\nSigned-off-by: Ada <ada@example.com>\n"


def test_a_new_branch(server: Server, contents: str) -> None:
    """It begins at the head of the other, which stays; a branch that is there is refused."""
    body = {"message": "side", "branch": "main", "new_branch": "side/1", "files": [change("create", "s", "s")]}
    server.made("POST", contents, body)
    assert server.call("GET", "/repos/changes/code/contents/s").status_code == 404
    assert server.made("GET", "/repos/changes/code/contents/s?ref=side/1")["html_url"].endswith("/src/branch/side/1/s")
    assert server.call("POST", contents, body).status_code == 422


def test_a_folder_lists_the_last_commit_of_each_entry(server: Server, contents: str) -> None:
    """Of a file its own, of a folder that of the newest file in it."""
    made = [
        server.made("POST", contents, {"message": path, "files": [change("create", path, path)]})["commit"]["sha"]
        for path in ("list/a", "list/sub/b", "list/sub/c")
    ]
    entries = server.made("GET", "/repos/changes/code/contents/list")
    assert [(one["name"], one["type"], one["last_commit_sha"]) for one in entries] == [
        ("a", "file", made[0]),
        ("sub", "dir", made[2]),
    ]
