"""Traces: what one event set off, from the `traceparent` it came with to the commit (OpenTelemetry, OTLP over HTTP).

A span for the event, below it one for each claim that was looked at, with its steps as span events and the commit as
attribute. A process without an endpoint makes none, and then the libraries are not even imported.
"""

import contextvars
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

_A = TypeVar("_A")
_T = TypeVar("_T")

TRACEPARENT: Final = "traceparent"
COMMIT: Final = "infraforge.commit"
_SAMPLED: Final = 1
_VALID = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def traceparent(headers: Mapping[str, str], attributes: Mapping[str, Any]) -> str:
    """The `traceparent` that an event came with, or nothing: the request's, or else the event's own.

    Source: W3C Trace Context, and the CloudEvents extension of that name for transports that lose the header.
    """
    carried = next((value for name, value in headers.items() if name.lower() == TRACEPARENT), "")
    for one in (carried, attributes.get(TRACEPARENT)):
        if isinstance(one, str) and _VALID.fullmatch(one):
            return one
    return ""


def trace_id(parent: str) -> str:
    """The trace of a `traceparent` that somebody records; nothing for one that is not sampled."""
    found = _VALID.fullmatch(parent)
    return found[1] if found and int(found[2], 16) & _SAMPLED else ""


class Tracing:
    """The spans of one function. Thread-safe; what runs in another thread says so with `carried`."""

    def __init__(self, exporter: "SpanExporter | None" = None, service: str = "infraforge") -> None:
        self._tracer: Any = None
        if exporter is not None:
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - 0.2 s that only who exports pays
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - only who exports has it
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - only who exports has it

            self._provider = TracerProvider(resource=Resource.create({"service.name": service}))
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
            self._tracer = self._provider.get_tracer("infraforge")

    @classmethod
    def to(cls, endpoint: str | None, service: str) -> "Tracing":
        """Spans that go to the collector at `endpoint` (a base URL), or none without one."""
        if endpoint is None:
            return cls()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - only who exports has it
            OTLPSpanExporter,
        )

        return cls(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=5), service)

    @contextmanager
    def event(self, type_: str, id_: str, parent: str) -> Iterator[None]:
        """The span of an event, which goes on from its `traceparent`."""
        if self._tracer is None:
            yield
            return
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - only who exports has it
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - only who exports has it
            TraceContextTextMapPropagator,
        )

        context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent} if parent else {})
        attributes = {"cloudevents.event_type": type_, "cloudevents.event_id": id_}
        with self._tracer.start_as_current_span(
            f"{type_} process", context=context, kind=SpanKind.CONSUMER, attributes=attributes
        ):
            yield

    @contextmanager
    def claim(self, ref: str) -> Iterator[None]:
        """The span of one look at a claim, `Kind/namespace/name`."""
        if self._tracer is None:
            yield
            return
        kind, namespace, name = ref.split("/", 2)
        attributes = {"infraforge.claim.kind": kind, "k8s.namespace.name": namespace, "infraforge.claim.name": name}
        with self._tracer.start_as_current_span(f"converge {kind}", attributes=attributes):
            yield

    def step(self, name: str) -> None:
        """A step begins in the present span."""
        if self._tracer is not None:
            self._current().add_event(name)

    def commit(self, sha: str) -> None:
        """The present span made a commit."""
        if self._tracer is not None:
            self._current().set_attribute(COMMIT, sha)

    def headers(self) -> dict[str, str]:
        """What carries the present span on to whoever hears the reply."""
        carrier: dict[str, str] = {}
        if self._tracer is not None:
            from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - only who exports has it
                TraceContextTextMapPropagator,
            )

            TraceContextTextMapPropagator().inject(carrier)
        return carrier

    def close(self) -> None:
        """Send what has not been sent yet; the process's end does it too."""
        if self._tracer is not None:
            self._provider.shutdown()

    @staticmethod
    def _current() -> "Span":
        from opentelemetry.trace import get_current_span  # noqa: PLC0415 - only who exports has it

        return get_current_span()


def carried(work: Callable[[_A], _T]) -> Callable[[_A], _T]:
    """`work` as another thread may do it, with what it does below the present span."""
    context = contextvars.copy_context()  # which one thread at a time can be in, hence the copy for each call
    return lambda argument: context.copy().run(work, argument)
