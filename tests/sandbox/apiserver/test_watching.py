"""Watches: a client that does not read is cut off, and goes on where it was."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from sandbox.apiserver.builtin import META, load_types, registry
from sandbox.apiserver.rendering import Renderer
from sandbox.apiserver.schema import compile_type
from sandbox.apiserver.storage import Storage
from sandbox.apiserver.watching import MOST_WAITING, Watch, Watches

WATCH = Watch(namespace="", matches=None, revision="", timeout=60, bookmarks=False, initial=False)


def test_a_client_that_falls_behind_is_cut_off(tmp_path: Path) -> None:
    """What waits for it is bounded; it gets that much without a gap, then the end, and resumes from there."""
    types = load_types()
    resource = next(each for each in registry(types) if each.plural == "configmaps")
    storage = Storage(tmp_path / "objects.db", 2 * MOST_WAITING)
    renderer = Renderer(resource, "", compile_type(f"{META}ObjectMeta", types))
    more = MOST_WAITING + 500

    def encode(value: object) -> bytes:
        return json.dumps(value).encode()

    async def names(watches: Watches, watch: Watch, *, beyond: int = 0) -> list[str]:
        stream = watches.open(renderer, watch)
        found = [await anext(stream)]
        for number in range(beyond):
            key = ("dev", f"c{number}")
            value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": key[1], "namespace": "dev"}}
            storage.put(resource.qualified, key, value, encode)
        if not beyond:
            watches.close()
        found += [chunk async for chunk in stream]
        events = [json.loads(line) for chunk in found for line in chunk.splitlines()]
        return [event["object"]["metadata"]["name"] for event in events]

    async def test() -> None:
        watches = Watches(storage)
        first = await names(watches, WATCH, beyond=more)
        assert first == [f"c{number}" for number in range(MOST_WAITING)]
        rest = await names(watches, replace(WATCH, revision=str(MOST_WAITING)))
        assert rest == [f"c{number}" for number in range(MOST_WAITING, more)]

    asyncio.run(test())
    storage.close()
