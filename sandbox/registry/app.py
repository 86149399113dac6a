"""The read half of the OCI distribution API 1.1, as ghcr.io answers.

::

    GET       /v2/                               the version check
    GET HEAD  /v2/<name>/manifests/<reference>   404 unless Accept lists the manifest's media type
    GET       /v2/<name>/tags/list?n=&last=      lexical, Link rel="next"
    GET HEAD  /v2/<name>/blobs/<digest>          configs and layers
    GET       /token?service=&scope=             with `auth="token"`

Pushing, deleting, mounting and the catalog are not covered: 405 UNSUPPORTED.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.registry.content import REPOSITORY, TAG, Content, Repository
from sandbox.registry.tokens import Credentials, Tokens, is_basic, pulled

LONGEST_PAGE: Final = 1000
DIGEST: Final = r"sha256:[0-9a-f]{64}"
_PATH = re.compile(rf"/v2/(?P<name>{REPOSITORY})/(?P<part>manifests|blobs|tags)/(?P<reference>[^/]+)")
_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}


@dataclass(frozen=True)
class Registry:
    """What the routes need. `tokens` is None where everyone may pull everything that is public."""

    repositories: Mapping[str, Repository]
    credentials: Credentials
    tokens: Tokens | None

    def visible(self, name: str, authorization: str | None) -> Repository | None:
        """The repository, if it exists and this caller may pull from it."""
        repository = self.repositories.get(name)
        if repository is None or (repository.private and not self.credentials.match(authorization)):
            return None
        return repository


def create_app(
    repositories: Mapping[str, Repository], *, credentials: Credentials | None = None, tokens: Tokens | None = None
) -> Starlette:
    """The registry as an ASGI application; with `tokens` every pull takes a bearer token, public or private."""
    app = Starlette(
        routes=[
            Route("/v2/", _version),
            Route("/token", _token),
            Route("/v2/{rest:path}", _content, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
        ]
    )
    app.state.registry = Registry(repositories, credentials or Credentials(), tokens)
    return app


def _registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


async def _version(request: Request) -> Response:
    registry = _registry(request)
    authorization = request.headers.get("authorization")
    if registry.tokens is None or registry.tokens.scopes(authorization) is not None:
        return JSONResponse({}, headers=_VERSION)
    return _unauthorized(request, None)


async def _token(request: Request) -> Response:
    """A token for what of the asked scope may be pulled; wrong credentials, or nothing left of it: DENIED."""
    registry = _registry(request)
    if registry.tokens is None:
        return _error(404, "UNSUPPORTED", "this registry was started without --auth token")
    authorization = request.headers.get("authorization")
    if is_basic(authorization) and not registry.credentials.match(authorization):
        return _error(403, "DENIED", "denied")
    asked = pulled(request.query_params.getlist("scope"))
    granted = [name for name in asked if registry.visible(name, authorization)]
    if asked and not granted:
        return _error(401, "DENIED", "requested access to the resource is denied")
    token = registry.tokens.mint(granted)
    return JSONResponse({"token": token, "expires_in": registry.tokens.lifetime})


async def _content(request: Request) -> Response:
    if request.method not in {"GET", "HEAD"}:
        return _error(405, "UNSUPPORTED", "this stand-in only serves reads: pushing and deleting are not covered")
    match = _PATH.fullmatch(request.url.path)
    if match is None:
        return _error(404, "NAME_INVALID", "no such part of the distribution API, or not a repository's name")
    name, part, reference = match.groups()
    registry, authorization = _registry(request), request.headers.get("authorization")
    if registry.tokens is None:
        repository = registry.visible(name, authorization)
        if repository is None:  # private and missing look alike
            basic = {"WWW-Authenticate": f'Basic realm="{request.url.netloc}"'}
            return _error(401, "DENIED", "requested access to the resource is denied", basic)
    elif name in (registry.tokens.scopes(authorization) or ()):
        repository = registry.repositories[name]
    else:
        return _unauthorized(request, name)
    if part == "manifests":
        return _manifest(request, repository, reference)
    if part == "blobs":
        return _blob(request, repository, reference)
    return _tags(request, name, repository) if reference == "list" else _error(404, "NAME_UNKNOWN", "no such page")


def _manifest(request: Request, repository: Repository, reference: str) -> Response:
    if not re.fullmatch(f"{TAG}|{DIGEST}", reference):
        return _error(400, "MANIFEST_INVALID", "neither a tag nor a sha256 digest")
    manifest = repository.manifest(reference)
    if manifest is None or not _accepts(request, manifest.media_type):
        return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
    return _sent(request, manifest)


def _blob(request: Request, repository: Repository, reference: str) -> Response:
    if not re.fullmatch(DIGEST, reference):
        return _error(400, "DIGEST_INVALID", "not a sha256 digest")
    blob = repository.blobs.get(reference)
    if blob is None:
        return _error(404, "BLOB_UNKNOWN", "blob unknown to registry")
    return _sent(request, Content("application/octet-stream", blob.data))


def _tags(request: Request, name: str, repository: Repository) -> Response:
    count = request.query_params.get("n", str(LONGEST_PAGE))
    if not (count.isascii() and count.isdigit()):
        return _error(400, "PAGINATION_NUMBER_INVALID", "n is not a whole number")
    last, size = request.query_params.get("last", ""), min(int(count), LONGEST_PAGE)
    rest = [tag for tag in repository.tags if tag > last]
    page, headers = rest[:size], dict(_VERSION)
    if page and len(rest) > len(page):
        query = urlencode({"n": size, "last": page[-1]})
        headers["Link"] = f'</v2/{quote(name)}/tags/list?{query}>; rel="next"'
    return JSONResponse({"name": name, "tags": page}, headers=headers)


def _accepts(request: Request, media_type: str) -> bool:
    """As ghcr.io: the very type must be listed, `*/*` and nothing at all will not do."""
    accepted = ",".join(request.headers.getlist("accept")).split(",")
    return media_type in {each.partition(";")[0].strip() for each in accepted}


def _sent(request: Request, content: Content) -> Response:
    headers = {**_VERSION, "Docker-Content-Digest": content.digest, "ETag": f'"{content.digest}"'}
    if request.method == "HEAD":
        headers["Content-Length"] = str(len(content.data))
        return Response(media_type=content.media_type, headers=headers)
    return Response(content.data, media_type=content.media_type, headers=headers)


def _unauthorized(request: Request, name: str | None) -> Response:
    scope = f',scope="repository:{name}:pull"' if name else ""
    challenge = f'Bearer realm="{request.base_url}token",service="{request.url.netloc}"{scope}'
    return _error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": message}]}, status, {**_VERSION, **(headers or {})})
