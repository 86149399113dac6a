"""The client that is generated from Gitea's own OpenAPI document, against the running stand-in."""

import asyncio
import base64
from collections.abc import Awaitable, Callable

import gitea_api_client as gitea
import pytest

from tests.sandbox.gitea.server import ADMIN, PASSWORD, Server

SCOPES = ["write:organization", "write:repository", "read:user"]


def run(server: Server, name: str, story: Callable[[gitea.ApiClient], Awaitable[None]]) -> None:
    """Mint a token with the client, make the organization `name`, and run the story with it."""

    async def whole() -> None:
        host = f"{server.url}/api/v1"
        async with gitea.ApiClient(gitea.Configuration(host=host, username=ADMIN, password=PASSWORD)) as client:
            option = gitea.CreateAccessTokenOption(name=name, scopes=SCOPES)
            token = await gitea.UserApi(client).user_create_token(ADMIN, option)
        key = {"AuthorizationHeaderToken": f"token {token.sha1}"}
        async with gitea.ApiClient(gitea.Configuration(host=host, api_key=key)) as client:
            await gitea.OrganizationApi(client).org_create(gitea.CreateOrgOption(username=name, visibility="private"))
            await story(client)

    asyncio.run(whole())


def test_version_and_user(server: Server) -> None:
    """Its models accept who we are."""

    async def story(client: gitea.ApiClient) -> None:
        version = (await gitea.MiscellaneousApi(client).get_version()).version
        assert version is not None
        assert version.startswith("1.26")
        assert (await gitea.UserApi(client).user_get_current()).login == ADMIN

    run(server, "who", story)


def test_organizations_refuse_a_taken_name(server: Server) -> None:
    """422, as bootstrap expects."""

    async def story(client: gitea.ApiClient) -> None:
        with pytest.raises(gitea.ApiException) as refused:
            await gitea.OrganizationApi(client).org_create(gitea.CreateOrgOption(username="Taken"))
        assert refused.value.status == 422

    run(server, "taken", story)


def test_a_repository_from_creation_to_deletion(server: Server) -> None:
    """Create, refuse a second one, commit two files, read them back by every call, delete."""

    async def story(client: gitea.ApiClient) -> None:
        repositories = gitea.RepositoryApi(client)
        option = gitea.CreateRepoOption(name="code", private=True, default_branch="main")
        made = await gitea.OrganizationApi(client).create_org_repo("life", body=option)
        assert (made.full_name, made.empty) == ("life/code", True)
        with pytest.raises(gitea.ApiException) as refused:
            await gitea.OrganizationApi(client).create_org_repo("life", body=option)
        assert refused.value.status == 409

        contents = {"a/values.yaml": b"a: 1\n", "b.yaml": b"b: 1\n"}
        files = [
            gitea.ChangeFileOperation(operation="create", path=path, content=base64.b64encode(text).decode())
            for path, text in contents.items()
        ]
        change = gitea.ChangeFilesOptions(files=files, message="two")
        written = await repositories.repo_change_files("life", "code", change)
        assert written.commit is not None
        sha = written.commit.sha

        branch = await repositories.repo_get_branch("life", "code", "main")
        assert branch.commit is not None
        assert branch.commit.id == sha
        assert [one.sha for one in await repositories.repo_get_all_commits("life", "code", path="a")] == [sha]
        read = await repositories.repo_get_contents("life", "code", "b.yaml")
        assert base64.b64decode(read.content or "") == b"b: 1\n"
        assert bytes(await repositories.repo_get_raw_file("life", "code", "b.yaml")) == b"b: 1\n"
        tree = await repositories.get_tree("life", "code", "main", recursive=True)
        assert [one.path for one in tree.tree or []] == ["a", "a/values.yaml", "b.yaml"]
        references = await repositories.repo_list_all_git_refs("life", "code")
        assert [one.ref for one in references] == ["refs/heads/main"]

        await repositories.repo_delete("life", "code")
        with pytest.raises(gitea.ApiException) as gone:
            await repositories.repo_get("life", "code")
        assert gone.value.status == 404

    run(server, "life", story)


def test_hooks_and_protections(server: Server) -> None:
    """What bootstrap and an operator would set."""

    async def story(client: gitea.ApiClient) -> None:
        organizations, repositories = gitea.OrganizationApi(client), gitea.RepositoryApi(client)
        config = {"url": "http://127.0.0.1:9/hook", "content_type": "json", "secret": "hidden"}
        events = ["push", "delete", "repository"]
        option = gitea.CreateHookOption(type="gitea", config=config, events=events, active=True)
        hook = await organizations.org_create_hook("guard", body=option)
        assert hook.id is not None
        listed = await organizations.org_list_hooks("guard")
        assert [(one.id, one.events, "secret" in (one.config or {})) for one in listed] == [(hook.id, events, False)]
        await organizations.org_delete_hook("guard", hook.id)

        await organizations.create_org_repo("guard", body=gitea.CreateRepoOption(name="code", auto_init=True))
        protection = gitea.CreateBranchProtectionOption(rule_name="main", enable_push=False)
        made = await repositories.repo_create_branch_protection("guard", "code", body=protection)
        assert (made.rule_name, made.enable_push) == ("main", False)
        assert (await repositories.repo_get_branch("guard", "code", "main")).protected is True

    run(server, "guard", story)
