"""Stand-ins as processes of their own, started on free ports and ended with the test."""

import asyncio
import socket
import ssl
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Running:
    """A process and where it listens."""

    process: Process
    client: httpx.AsyncClient

    async def until(self, path: str, ready: Callable[[httpx.Response], bool] = lambda _: True) -> httpx.Response:
        """Ask `path` until the answer is 200 and `ready`: a process has no other way to say so."""
        async with asyncio.timeout(20):
            while True:
                try:
                    answer = await self.client.get(path)
                except httpx.TransportError:
                    answer = httpx.Response(503)
                if answer.status_code == 200 and ready(answer):
                    return answer
                await asyncio.sleep(0.02)  # as said


@asynccontextmanager
async def stand_in(
    name: str, *arguments: str, scheme: str = "http", tls: ssl.SSLContext | bool = True
) -> AsyncIterator[Running]:
    """`python -m sandbox.<name> --port <free> <arguments>`, killed at the end if it still runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", f"sandbox.{name}", "--port", str(port), *arguments]
    process = await asyncio.create_subprocess_exec(*command, stderr=DEVNULL)
    url = f"{scheme}://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url, verify=tls, trust_env=False) as client:
            yield Running(process, client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
