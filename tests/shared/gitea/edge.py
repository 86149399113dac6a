"""Gitea's answers, given by a function in place of the network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from shared.gitea import Gitea
from shared.secret import fixed

TOKEN = "canary-of-gitea"
ENDPOINT = "http://gitea.test:3000/sub"
RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "recordings/gitea/transcript.jsonl").read_text().splitlines()
]


def recorded(case: str) -> httpx.Response:
    """What a real Gitea answered."""
    response = next(one["response"] for one in RECORDED if one["case"] == case)
    body = response["body"]
    content = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    headers = {name: value for name, value in response["headers"].items() if name.lower() != "content-length"}
    return httpx.Response(response["status"], headers=headers, text=content)


class Edge:
    """Prepared answers in order, and the requests that they answered."""

    def __init__(self, *answers: httpx.Response | str) -> None:
        self.answers = [recorded(answer) if isinstance(answer, str) else answer for answer in answers]
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        self.asked.append(sent)  # as it is now: one that is sent again carries another token
        return self.answers[len(self.asked) - 1]

    @property
    def lines(self) -> list[str]:
        """Method and path of each request, as they went out."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.asked]

    def body(self, index: int) -> Any:
        return json.loads(self.asked[index].content)


def client(edge: Callable[[httpx.Request], httpx.Response]) -> Gitea:
    return Gitea(ENDPOINT, fixed(SecretStr(TOKEN)), timeout=5, transport=httpx.MockTransport(edge))
