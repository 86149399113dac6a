"""A Terraform provider that knows a schema and does nothing: Terraform's own checks without the real provider.

Started by Terraform through a wrapper (`mirror`); it speaks plugin protocol 6 over gRPC. What a configuration plans is
what gets planned, applied and read back, so `validate`, `plan` and `apply` show everything that Terraform decides by
itself: names and types of arguments, references, order, what is written to a state (no write-only argument is). What
the real provider would do, they do not show. The schemas (provider_schemas.json) are those of helm 3.1.1 and kubernetes
2.38.0, as the prebuilt CDKTF bindings of the two list them: a type for each argument, and the words `required`,
`computed` and `write_only`.
"""

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import msgpack

SCHEMAS = Path(__file__).with_name("provider_schemas.json")
ROOT = Path(__file__).parents[2]

_BLOCK = {"single": 1, "list": 2}
_NESTED = {"single": 1, "list": 2}
_FLAGS = {"required": 4, "optional": 5, "computed": 6, "write_only": 11}
"""Numbers of Terraform's protocol definition (tfplugin6)."""


def mirror(folder: Path) -> dict[str, str]:
    """Put a wrapper for each provider of SCHEMAS into a filesystem mirror; the versions by provider."""
    versions = {}
    for name, schema in json.loads(SCHEMAS.read_text()).items():
        versions[name] = schema["version"]
        home = folder / "registry.terraform.io" / "hashicorp" / name / schema["version"] / _platform()
        home.mkdir(parents=True)
        wrapper = home / f"terraform-provider-{name}_v{schema['version']}"
        wrapper.write_text(
            f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.infrastructure.schema_provider {name}\n"
        )
        wrapper.chmod(0o755)
    return versions


def _platform() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return f"{os.uname().sysname.lower()}_{machine}"


def number(field: int, value: int) -> bytes:
    """A protobuf field with a number (a truth value is one, too)."""
    return _varint(field << 3) + _varint(value)


def piece(field: int, value: bytes | str) -> bytes:
    """A protobuf field with bytes, a text or another message."""
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def fields(message: bytes) -> dict[int, bytes]:
    """The fields of `message` that hold bytes, by number; numbers are passed over."""
    found, position = {}, 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        key = varint()
        value = varint()
        if key & 7 == 2:
            found[key >> 3] = message[position : position + value]
            position += value
    return found


def schema(arguments: dict[str, Any]) -> bytes:
    """A Schema message."""
    return piece(2, _block(arguments))


def _block(arguments: dict[str, Any]) -> bytes:
    parts = []
    for name, said in arguments.items():
        words, inner = _said(said)
        kind, *rest = words.split()
        if kind == "block":
            limits = number(4, 1) * ("required" in rest) + number(5, 1) * ("1" in rest)
            nesting = number(3, _BLOCK[rest[0]])
            parts.append(piece(3, piece(1, name) + piece(2, _block(inner)) + nesting + limits))
        else:
            parts.append(piece(2, _attribute(name, words, inner)))
    return b"".join(parts)


def _attribute(name: str, words: str, inner: dict[str, Any] | None) -> bytes:
    kind, *rest = words.split()
    flags = [word for word in rest if word in _FLAGS]
    if not {"required", "computed"} & set(flags):
        flags.append("optional")
    if inner is not None:
        members = b"".join(piece(1, _attribute(key, *_said(value))) for key, value in inner.items())
        typed = piece(10, members + number(3, _NESTED[rest[0]]))
    else:
        typed = piece(2, json.dumps([kind, rest[0]] if kind in {"list", "map"} else kind))
    return piece(1, name) + typed + b"".join(number(_FLAGS[flag], 1) for flag in sorted(flags))


def _said(value: Any) -> tuple[str, dict[str, Any] | None]:
    if isinstance(value, dict):
        ((words, inner),) = value.items()
        return words, inner
    return value, None


def answers(provider: str) -> dict[str, Callable[[bytes], bytes]]:
    """Method of the protocol => its answer to a request, both as bytes."""
    known = json.loads(SCHEMAS.read_text())[provider]
    described = piece(1, schema(known["provider"])) + b"".join(
        piece(2, piece(1, name) + piece(2, schema(arguments))) for name, arguments in known["resources"].items()
    )

    def copied(source: int, target: int) -> Callable[[bytes], bytes]:
        return lambda request: piece(target, fields(request).get(source, b""))

    def planned(request: bytes) -> bytes:
        asked = fields(request)
        proposed = msgpack.unpackb(fields(asked[3])[1])
        if proposed is not None:
            arguments = known["resources"][asked[1].decode()]
            proposed |= {name: None for name in proposed if "write_only" in str(arguments[name])}
        return piece(1, piece(1, msgpack.packb(proposed)))

    def upgraded(request: bytes) -> bytes:
        return piece(1, piece(2, fields(fields(request)[3])[1]))

    return {
        "GetProviderSchema": lambda _: described,
        "ValidateProviderConfig": lambda _: b"",
        "ValidateResourceConfig": lambda _: b"",
        "ConfigureProvider": lambda _: b"",
        "UpgradeResourceState": upgraded,
        "ReadResource": copied(2, 1),
        "PlanResourceChange": planned,
        "ApplyResourceChange": copied(3, 1),
        "StopProvider": lambda _: b"",
    }


class Handlers(grpc.GenericRpcHandler):
    """Serves `answers` for tfplugin6, and ends the process when go-plugin asks for it."""

    def __init__(self, provider: str, stopped: threading.Event) -> None:
        self._answers = answers(provider)
        self._stopped = stopped

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        service, method = handler_call_details.method.strip("/").split("/")
        if service == "tfplugin6.Provider" and method in self._answers:
            answer = self._answers[method]
            return grpc.unary_unary_rpc_method_handler(lambda request, _: answer(request))
        if method == "Shutdown":
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: self._stopped.set() or b"")
        if method == "StreamStdio":
            return grpc.unary_stream_rpc_method_handler(self._silence)
        return None

    def _silence(self, _request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        self._stopped.wait()
        yield from ()


def main() -> None:
    """Shake hands with Terraform and serve it until it is done."""
    stopped = threading.Event()
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((Handlers(sys.argv[1], stopped),))
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/socket"
        server.add_insecure_port(f"unix:{address}")
        server.start()
        print(f"1|6|unix|{address}|grpc", flush=True)
        stopped.wait()
        server.stop(1).wait()


if __name__ == "__main__":
    main()
