"""The registry in this process, called as ASGI."""

import asyncio
from collections.abc import Mapping

import httpx

from sandbox.registry.app import create_app
from sandbox.registry.content import OCI
from sandbox.registry.images import DOCKER, DOCKER_LIST, OCI_INDEX, Image, build
from sandbox.registry.tokens import Credentials, Tokens

ALL_TYPES = ", ".join((OCI_INDEX, OCI, DOCKER_LIST, DOCKER))
CREDENTIALS = Credentials("puller", "pa55")
IMAGES = [
    {"repository": "team/one", "tags": ["v1.10.0", "v1.2.0", "latest", "v1.9.0"]},
    {"repository": "team/index", "tags": ["v1"], "mediaType": OCI_INDEX},
    {"repository": "team/docker", "tags": ["v1"], "mediaType": DOCKER},
    {"repository": "team/list", "tags": ["v1"], "mediaType": DOCKER_LIST},
    {"repository": "team/secret", "tags": ["v1"], "private": True},
]


def ask(
    path: str,
    *,
    method: str = "GET",
    tokens: Tokens | None = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
) -> httpx.Response:
    """One request to a registry with `IMAGES`; with `tokens` it asks for bearer tokens."""
    repositories = build(Image.model_validate(image) for image in IMAGES)
    app = create_app(repositories, credentials=CREDENTIALS, tokens=tokens)

    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://registry.test") as client:
            return await client.request(method, path, headers={"Accept": ALL_TYPES, **(headers or {})}, auth=auth)

    return asyncio.run(request())


def errors(response: httpx.Response) -> list[str]:
    """The codes of an OCI error answer."""
    return [error["code"] for error in response.json()["errors"]]
