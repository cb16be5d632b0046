"""The run as an OpenTelemetry trace: a span a task below the span of the run, by the standard OTEL_ variables.

The SDK is the extra `otel`; it is imported only where the variables ask for traces. Variables: see
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. TRACEPARENT, where it is set, names
the span of the job that this run is a part of.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.output.model import RunView, TaskView
from ws_deployment.output.outputs import Output

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

#: Longest wait, in seconds, for spans to be delivered at the end of a run.
LINGER = 5.0
_NANO = 1_000_000_000
#: What is told of waits, as events of the task's span.
_WAITS = frozenset({Kind.TASK_WAITING, Kind.TASK_APPROVED, Kind.TASK_WITHDRAWN})
_HINT = "traces are asked for by OTEL_ variables, but {what}: pip install 'ws-deployment[otel]'"


def asked_for(environment: Mapping[str, str]) -> bool:
    """Whether the OTEL_ variables ask for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    if exporter:
        return exporter != "none"
    return bool(environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))


def open_traces(environment: Mapping[str, str]) -> tuple[Sequence[Output], Sequence[str]]:
    """The output for traces where it is asked for and can be had, and warnings, one line each."""
    if not asked_for(environment):
        return (), ()
    try:
        return (TracesOutput(_exporter(environment), environment.get("TRACEPARENT", "")),), ()
    except ImportError as error:
        return (), (_HINT.format(what=f"{error.name or 'a package'} is not installed"),)
    except ValueError as error:
        return (), (f"no traces: {error}",)


def _exporter(environment: Mapping[str, str]) -> SpanExporter:
    """The exporter that the variables name; where to, and how, it reads from them itself."""
    kind = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    if kind == "console":
        import sys  # noqa: PLC0415  only here

        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415  an optional extra

        return ConsoleSpanExporter(out=sys.stderr)
    if kind != "otlp":
        raise ValueError(f"OTEL_TRACES_EXPORTER={kind} is not known; use otlp, console or none")
    general = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", general)
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # type: ignore[import-not-found]  # noqa: PLC0415  an extra of the user's own
            OTLPSpanExporter as GrpcExporter,
        )

        exporter: SpanExporter = GrpcExporter()
        return exporter
    if protocol != "http/protobuf":
        raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol} is not supported; use http/protobuf or grpc")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  an extra

    return OTLPSpanExporter()


class TracesOutput(Output):
    """Makes the spans as events come; the SDK delivers them from a thread of its own."""

    name = "traces"

    def __init__(self, exporter: SpanExporter, traceparent: str = "") -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  an optional extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  loaded when used
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  loaded when used

        # `create` reads OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, but lets what it is given win over them.
        named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        resource = Resource.create({} if named else {"service.name": "ws-deployment"})
        self._exporter = exporter
        self._provider: TracerProvider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("ws_deployment")
        self._parent = _parent(traceparent)
        self._run: Span | None = None
        self._tasks: dict[str, Span] = {}
        self._last = 0.0
        self._complaints = _Complaints()

    def open(self) -> None:
        """Keep the SDK's own complaints off the terminal."""
        self._complaints.listen()

    def take(self, event: Event, run: RunView) -> None:
        """Begin and end spans, at the times of the events."""
        self._last = event.at
        if event.kind in {Kind.RUN_STARTED, Kind.RUN_RESUMED} and self._run is None:
            attributes = {"fleet": run.fleet, "environment": run.environment, "cluster_id": run.cluster_id or 0}
            attributes |= {"run": run.run, "kind": run.what, "attempt": run.attempt, "undoes": run.undoes}
            self._run = self._tracer.start_span(
                f"{'rollback' if run.undoes else 'run'} {run.fleet}",
                self._parent,
                start_time=_nanos(event.at),
                attributes=_own(attributes),
            )
        elif event.kind is Kind.RUN_FINISHED:
            self._end_run(run, event.at)
        elif event.kind in {Kind.RUN_PAUSED, Kind.RUN_UNPAUSED} and self._run is not None:
            self._run.add_event(str(event.kind), timestamp=_nanos(event.at))
        elif event.task is not None:
            self._take_task(event, run.tasks[event.task])

    def close(self, run: RunView) -> Sequence[str]:
        """End what is open, and give the spans a few seconds to be delivered."""
        self._end_run(run, self._last)
        # The SDK's own limits do not hold: flushing waits for the exporter, which tries again for ten seconds.
        delivery = threading.Thread(target=self._provider.shutdown, name=self.name, daemon=True)
        delivery.start()
        delivery.join(LINGER)
        if delivery.is_alive():
            self._exporter.shutdown()
            return (f"traces were not all delivered: {self._complaints.heard or 'no answer in time'}",)
        self._complaints.stop()
        return (f"traces were not all delivered: {self._complaints.heard}",) if self._complaints.heard else ()

    def _take_task(self, event: Event, task: TaskView) -> None:
        if event.kind is Kind.TASK_STARTED:
            self._tasks[task.key] = self._start_task(event.at, task)
        elif event.kind is Kind.TASK_RETRYING and task.key in self._tasks:
            told = {"attempt": event.data["attempt"], "error": event.data["error"]}
            self._tasks[task.key].add_event("retry", _own(told), _nanos(event.at))
        elif event.kind is Kind.SUBTASK_STARTED and len(task.subtasks) > 1 and task.key in self._tasks:
            self._tasks[task.key].add_event(event.data["name"], timestamp=_nanos(event.at))
        elif event.kind in _WAITS and task.key in self._tasks:
            told = {key: value for key, value in event.data.items() if value is not None}
            self._tasks[task.key].add_event(str(event.kind), _own(told), _nanos(event.at))
        elif event.kind is Kind.TASK_FINISHED:
            span = self._tasks.pop(task.key, None) or self._start_task(event.at, task)
            self._end(span, task.status, task.reason, event.at, {"attempts": task.attempt})

    def _start_task(self, at: float, task: TaskView) -> Span:
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415  an optional extra

        attributes = {"step": task.step, "target": task.target, "scope": task.scope, "clusters": task.clusters}
        above = set_span_in_context(self._run) if self._run else self._parent
        return self._tracer.start_span(task.key, above, start_time=_nanos(at), attributes=_own(attributes))

    def _end_run(self, run: RunView, at: float) -> None:
        for key, span in self._tasks.items():
            waits = run.tasks[key].status is Status.WAITING
            self._end(
                span,
                *((Status.WAITING, "") if waits else (Status.CANCELLED, "interrupted")),
                at,
                {"attempts": run.tasks[key].attempt},
            )
        self._tasks.clear()
        if self._run is not None:
            reason = ", ".join(task.key for task in run.faults) or run.problem_text
            self._end(self._run, run.status if run.seconds is not None else Status.FAILED, reason, at, {})
            self._run = None

    def _end(self, span: Span, status: Status, reason: str, at: float, attributes: Mapping[str, Any]) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415  an optional extra

        span.set_attributes(_own({**attributes, "status": str(status)}))
        if status.good:
            span.set_status(StatusCode.OK)
        elif status not in {Status.BLOCKED, Status.WAITING}:
            span.set_status(StatusCode.ERROR, reason or str(status))
        span.end(_nanos(at))


class _Complaints(logging.Handler):
    """Hears what the SDK logs, which would otherwise tear the terminal's picture; keeps the last of it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard = ""
        self._logger = logging.getLogger("opentelemetry")

    def listen(self) -> None:
        self._logger.addHandler(self)
        self._former = self._logger.propagate
        self._logger.propagate = False

    def stop(self) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._former

    def emit(self, record: logging.LogRecord) -> None:
        self.heard = " ".join(record.getMessage().split())[:200]


def _parent(traceparent: str) -> Context | None:
    if not traceparent:
        return None
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415  an optional extra
        TraceContextTextMapPropagator,
    )

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})


def _own(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {f"ws_deployment.{name}": value for name, value in attributes.items()}


def _nanos(at: float) -> int:
    return int(at * _NANO)
