"""Git over HTTP: who may, and then `git http-backend` with the bodies streamed through it.

Every refusal before Git starts has Gitea's status and text; those inside a push are made by the hooks (`githooks`).
"""

import asyncio
import contextlib
import uuid
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.gitea import events
from sandbox.gitea.access import forces, permission, pushes
from sandbox.gitea.auth import Identity, Unauthenticated, authenticate
from sandbox.gitea.errors import TextError
from sandbox.gitea.forge import Forge
from sandbox.gitea.store import Account, Repository

RECEIVE, UPLOAD = "git-receive-pack", "git-upload-pack"
_CHUNK = 65536
_ARCHIVED = "This repo is archived. You can view files and clone it, but cannot push or open issues/pull-requests."


@dataclass(frozen=True)
class Access:
    """A request that may go on: the repository, who asks (None: anybody), and the path below the repository."""

    repository: Repository
    user: Account | None
    service: str
    below: str


def admit(forge: Forge, request: Request) -> Access:
    """Decide as Gitea does; raises `TextError` with its status and text."""
    owner_name, name, below = request.url.path.split("/", 3)[1:]
    service = below if below in (RECEIVE, UPLOAD) else request.query_params.get("service", UPLOAD)
    identity = identify(forge, request)
    owner = forge.store.account(owner_name)
    plain = name.removesuffix(".git")
    repository = forge.store.repository(owner, plain) if owner else None
    readable = bool(repository and permission(forge.store, repository, identity.user if identity else None).pull)
    if identity is None and (service == RECEIVE or not readable):
        raise TextError(401, "Unauthorized\n", spaced=True, headers={"www-authenticate": 'Basic realm="Gitea"'})
    if owner is None:
        raise TextError(404, "Not found.\n")
    if identity and not identity.allows("write:repository" if service == RECEIVE else "read:repository"):
        raise TextError(403, "Forbidden\n", spaced=True)
    if repository is None:
        raise _missing(forge, owner, plain, request, service)
    if not readable:
        raise TextError(404, "Repository not found")
    if service == RECEIVE and repository.archived_at:
        raise TextError(403, _ARCHIVED)
    return Access(repository, identity.user if identity else None, service, below)


def identify(forge: Forge, request: Request) -> Identity | None:
    """Who asks; raises 401 for wrong credentials."""
    try:
        return authenticate(forge.store, request.headers.get("authorization"))
    except Unauthenticated as error:
        raise TextError(401, "Failed to authenticate user\n", spaced=True) from error


def _missing(forge: Forge, owner: Account, name: str, request: Request, service: str) -> TextError:
    renamed = forge.store.renamed(owner, name)
    if renamed:
        query = f"?{request.url.query}" if request.url.query else ""
        below = request.url.path.split("/", 3)[3]
        location = f"/{owner.name}/{renamed.name}/{below}{query}"
        return TextError(301, "", headers={"location": location})
    if service == RECEIVE:
        kind = "organizations" if owner.kind == "organization" else "users"
        return TextError(403, f"Push to create is not enabled for {kind}.")
    return TextError(404, "Repository not found")


async def serve(forge: Forge, request: Request) -> Response:
    """Answer one request of a git client."""
    access = admit(forge, request)
    pushing = request.method == "POST" and access.service == RECEIVE
    if pushing and forge.push_delay and request.headers.get("content-length") != "4":  # 4: git's probe, "0000"
        await asyncio.sleep(forge.push_delay)  # as long as a push takes a real one, where that was asked for
    await forge.git.limit.acquire()
    try:
        exchange = await Exchange.start(forge, request, access, pushing=pushing)
    except BaseException:
        forge.git.limit.release()
        raise
    return exchange


class Exchange(Response):
    """One `git http-backend` process, fed from the request while its output goes to the response.

    Not a `StreamingResponse`: that one listens for a disconnect, and so takes pieces of the request's body for itself.
    When the client goes away, uvicorn drops what is sent and Git comes to its own end: a push whose body has arrived is
    made, another one is not.
    """

    def __init__(
        self, forge: Forge, access: Access, process: asyncio.subprocess.Process, receipt: Path | None, request: Request
    ) -> None:
        self._forge = forge
        self._access = access
        self._process = process
        self._receipt = receipt
        self._feeding = asyncio.create_task(self._feed(request))

    @classmethod
    async def start(cls, forge: Forge, request: Request, access: Access, *, pushing: bool) -> "Exchange":
        """Start the process; a push leaves a receipt of what moved."""
        receipt = forge.tree.temporary / f"push-{uuid.uuid4().hex}" if pushing else None
        path = forge.path(access.repository)
        environment = {
            "GIT_PROJECT_ROOT": str(forge.tree.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{path.relative_to(forge.tree.repositories)}/{access.below}",
            "QUERY_STRING": request.url.query,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "HTTP_GIT_PROTOCOL": request.headers.get("git-protocol", ""),
            "REMOTE_USER": access.user.name if access.user else "",
            "REMOTE_ADDR": request.client.host if request.client else "",
        }
        if receipt and access.user:
            environment |= hook_environment(forge, access.repository, access.user, receipt)
        process = await asyncio.create_subprocess_exec(
            forge.git.http_backend,
            env=forge.git.environment(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return cls(forge, access, process, receipt, request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass Git's answer on; the end of it comes after the hooks were told what a push moved."""
        stdout = self._process.stdout
        assert stdout  # noqa: S101  # a pipe was asked for
        try:
            status, headers = await _read_head(stdout)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            while chunk := await stdout.read(_CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await self._process.wait()
            self._tell()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._feeding.cancel()
            self._forge.git.limit.release()

    async def _feed(self, request: Request) -> None:
        stdin = self._process.stdin
        assert stdin  # noqa: S101  # a pipe was asked for
        with contextlib.suppress(ConnectionError, ClientDisconnect):
            try:
                async for chunk in request.stream():
                    stdin.write(chunk)
                    await stdin.drain()
            finally:
                stdin.close()

    def _tell(self) -> None:
        """Read the receipt of a push, if one was left."""
        if not (self._receipt and self._access.user and self._receipt.exists()):
            return
        updates = [events.Update(*line.split(" ", 2)) for line in self._receipt.read_text().splitlines()]
        self._receipt.unlink()
        events.pushed(self._forge, self._access.repository, self._access.user, updates)


async def _read_head(stdout: asyncio.StreamReader) -> tuple[int, list[tuple[bytes, bytes]]]:
    """The CGI header: status, and headers as ASGI takes them."""
    status, headers = 200, []
    while line := (await stdout.readline()).strip():
        name, _, value = (part.strip() for part in line.partition(b":"))
        if name.lower() == b"status":
            status = int(value.split()[0])
        elif value == b"text/plain":
            headers.append((b"content-type", b"text/plain; charset=utf-8"))
        else:
            headers.append((name.lower(), value))
    return status, headers


def hook_environment(forge: Forge, repository: Repository, user: Account, receipt: Path) -> dict[str, str]:
    """What the hooks of `githooks` need to know about this push."""
    rules = [
        f"{'yes' if pushes(rule, user) else 'no'} {'yes' if forces(rule, user) else 'no'} {rule.rule_name}"
        for rule in sorted(forge.store.protections_of(repository), key=lambda rule: "*" in rule.rule_name)
    ]
    return {
        "SANDBOX_WRITABLE": "yes" if permission(forge.store, repository, user).push else "no",
        "SANDBOX_DEFAULT_BRANCH": repository.default_branch,
        "SANDBOX_RULES": "\n".join(rules),
        "SANDBOX_URL": forge.payloads.repository_url(repository),
        "SANDBOX_RECEIPT": str(receipt),
    }
