"""The registry as a process with its own examples, and with tokens."""

import asyncio
from pathlib import Path

from sandbox.registry.content import OCI
from tests.sandbox.broker.processes import stand_in

MANIFEST = "/v2/infraforge/ecommerce-platform/manifests/v1.2.3"


def test_the_examples_are_served(tmp_path: Path) -> None:
    """Without any flag but the port; the same digest after a restart; SIGTERM ends it with status 0."""

    async def digest() -> str:
        async with stand_in("registry", "--data-dir", str(tmp_path)) as registry:
            await registry.until("/v2/")
            answer = await registry.client.head(MANIFEST, headers={"Accept": OCI})
            registry.process.terminate()
            assert await registry.process.wait() == 0
            found: str = answer.headers["docker-content-digest"]
            return found

    async def run() -> None:
        assert await digest() == await digest()

    asyncio.run(run())


def test_tokens_are_asked_for(tmp_path: Path) -> None:
    """`--auth token` with a private image and its password in a file."""
    (tmp_path / "password").write_text("pa55\n")
    (tmp_path / "images.yaml").write_text("images: [{repository: team/secret, tags: [v1], private: true}]\n")
    flags = ["--auth", "token", "--user", "puller", "--password-file", str(tmp_path / "password")]

    async def run() -> None:
        async with stand_in("registry", "--images", str(tmp_path / "images.yaml"), *flags) as registry:
            ask = {"scope": "repository:team/secret:pull"}
            answer = await registry.until("/token")
            assert set(answer.json()) == {"token", "expires_in"}
            refused = await registry.client.get("/token", params=ask)
            granted = await registry.client.get("/token", params=ask, auth=("puller", "pa55"))
            assert (refused.status_code, granted.status_code) == (401, 200)
            headers = {"Accept": OCI, "Authorization": f"Bearer {granted.json()['token']}"}
            assert (await registry.client.get("/v2/team/secret/manifests/v1", headers=headers)).status_code == 200

    asyncio.run(run())
