"""`pods/{name}/log`: what whoever runs the containers wrote into `<folder>/<namespace>/<pod>/<container>.log`.

`follow` and `previous` are not covered: the answer is what is there now.
"""

from pathlib import Path
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.apiserver.errors import bad_request
from sandbox.apiserver.requests import number

Json = dict[str, Any]


def read(folder: Path, pod: Json, query: QueryParams) -> bytes:
    """Return a container's log, cut to `tailLines` and `limitBytes`; a 400 says why there is none."""
    metadata, spec = pod["metadata"], pod["spec"]
    names = [one["name"] for key in ("initContainers", "containers") for one in spec.get(key) or ()]
    wanted = query.get("container", "")
    if not wanted and len(spec["containers"]) > 1:
        raise bad_request(
            f"a container name must be specified for pod {metadata['name']}, choose one of: [{' '.join(names)}]"
        )
    name: str = wanted or spec["containers"][0]["name"]
    if name not in names:
        raise bad_request(f"container {name} is not valid for pod {metadata['name']}")
    path = folder / metadata["namespace"] / metadata["name"] / f"{name}.log"
    if not path.exists():
        raise bad_request(f'container "{name}" in pod "{metadata["name"]}" is waiting to start: ContainerCreating')
    text: bytes = path.read_bytes()
    if "tailLines" in query:
        lines = text.splitlines(keepends=True)
        text = b"".join(lines[max(0, len(lines) - number(query, "tailLines")) :])
    return text[: number(query, "limitBytes")] if "limitBytes" in query else text
