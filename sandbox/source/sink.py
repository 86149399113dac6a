"""Sending events the way Knative's adapters do (CloudEvents SDK for Go: protocol/http, five exponential retries)."""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx

RETRIED: Final = frozenset({404, 413, 425, 429, 502, 503, 504})
"""Statuses after which the adapter tries again; a 500 is not among them, so such an event is lost."""

PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each retry."""

TRY_LIMIT: Final = 60.0
"""Seconds for one try. Knative's has no limit by default and hangs with its sink."""

log = logging.getLogger(__name__)


class Sink:
    """Where the events go: POST in the binary mode, one after another for each caller."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def send(self, attributes: Mapping[str, str], data: Any, *, namespace: str) -> bool:
        """Send an event with a fresh id, the same in every try; False if it is lost, which is logged.

        `attributes` must hold source and type; `namespace` is the source's own.
        """
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "time": _now(), **attributes}
        headers = {f"Ce-{name.capitalize()}": value for name, value in sorted(event.items())}
        headers |= {"Content-Type": "application/json", "Kn-Namespace": namespace}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        body = go_json(data)
        for pause in (*PAUSES, None):
            problem, again = await self._post(raw, body)
            if problem is None:
                return True
            if not again or pause is None:
                break
            await asyncio.sleep(pause)  # Knative's own back-off
        log.error("lost, as in Knative: %s of %s: %s", event["type"], event.get("subject", event["source"]), problem)
        return False

    async def _post(self, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[str | None, bool]:
        """What went wrong, if anything, and whether to try again."""
        try:
            async with asyncio.timeout(TRY_LIMIT):
                response = await self._client.post(self._url, headers=headers, content=body)
        except (httpx.HTTPError, TimeoutError) as error:
            return f"no answer: {error or type(error).__name__}", True
        if response.is_success:
            return None, False
        return f"answered {response.status_code}: {response.text[:200]!r}", response.status_code in RETRIED


def client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """An HTTP client that sends the headers that Go's sends, and no others."""
    made = httpx.AsyncClient(transport=transport, timeout=None, trust_env=False)  # noqa: S113 - each try is timed as a whole
    made.headers.update({"User-Agent": "infraforge-sandbox-source", "Accept-Encoding": "gzip"})
    for name in ("Accept", "Connection"):
        del made.headers[name]
    return made


def go_json(data: Any) -> bytes:
    """`data` as Go's encoding/json writes a map: sorted, without blanks, `<`, `>` and `&` escaped."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "surrogatepass")


def _now() -> str:
    nanoseconds = time.time_ns()
    seconds = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
    return f"{seconds:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 10**9:09d}Z"
