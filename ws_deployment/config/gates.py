"""Gates: what is asked of Prometheus while traffic moves, how it is judged, and what the verdicts lead to.

Judging is the work of `traffic/`; the ready-made ones stand in `ready_gates`.
"""

# Annotations stand here as they are, not as texts (`from __future__ import annotations`): pydantic would compile each.
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ws_deployment.config import condition, query_template
from ws_deployment.config.duration import Duration
from ws_deployment.config.model import Model, Name, Shorthand
from ws_deployment.config.v1 import BridgeApi

Action = Literal["goOn", "hold", "ask", "rollback"]
#: What a config says that shall have no gates.
NONE = "none"
ReadyName = Literal["start-failures", "failed-stops", "pending", "startup-p95", "startup-slo"]
#: Those of the ready-made ones that compare counts with the old clusters'; the others judge a value.
COMPARING: frozenset[str] = frozenset({"start-failures", "failed-stops", "startup-slo"})


def _condition(text: str) -> str:
    if not condition.satisfiable(condition.parse(text)):
        raise ValueError(f"`{text}` never holds")
    return text


Query = Annotated[str, AfterValidator(query_template.check)]
ConditionText = Annotated[str, AfterValidator(_condition)]
Count = Annotated[int, Field(ge=1)]


class Limits(Model):
    """How many verdicts of each kind, by cluster and stage, lead to what is configured for it."""

    success: Count = Field(default=1, description="Successes in a row after which it lets traffic go on.")
    failed: Count = Field(default=1, description="Failures in all that lead to `onFailed`.")
    inconclusive: Count = Field(default=30, description="Inconclusive verdicts in all that lead to `onInconclusive`.")
    error: Count = Field(default=6, description="Errors in a row that lead to `onError`.")


class Comparison(Model):
    """Counts of a new cluster against those of the old ones since the shift began: `times` or `difference`."""

    bad: Query | None = Field(default=None, description="PromQL of counters: what went wrong, for example failures.")
    all: Query | None = Field(default=None, description="PromQL of counters: what `bad` is a part of, such as starts.")
    times: Annotated[float, Field(ge=1.5, le=20)] | None = Field(
        default=None, description="So many times the old clusters' ratio is bad; default: 3."
    )
    difference: Annotated[float, Field(ge=0.001, le=0.9)] | None = Field(
        default=None, description="So much above the old clusters' ratio is bad: 0.05 is five points of a hundred."
    )
    at_least: Annotated[float, Field(gt=0, le=0.5)] = Field(
        default=0.01, description="A ratio below this is not bad, however good the old clusters are."
    )
    min_starts: Count = Field(default=50, description="No verdict before the new cluster and the old have so many.")

    @model_validator(mode="after")
    def _one_measure(self) -> "Comparison":
        if self.times is not None and self.difference is not None:
            raise ValueError("give `times` or `difference`, not both")
        if (self.bad is None) != (self.all is None):
            raise ValueError("`bad` and `all` go together")
        return self


class Gate(Shorthand):
    """A question to Prometheus with a judgement: a ready-made one, alone by its name, or one of your own."""

    shorthand: ClassVar[str] = "ready"

    ready: ReadyName | None = Field(default=None, description="A ready-made gate; what else is given goes before its.")
    metrics: BridgeApi | None = Field(
        default=None, description="Generation of a ready-made gate's metrics; default: that of the bridge."
    )
    name: Name | None = Field(default=None, description="What it is called; default: the ready-made one's name.")
    query: Query | None = Field(default=None, description="PromQL that gives one number for `{{cluster}}`.")
    success_when: ConditionText | None = Field(
        default=None, description="When the number is good: `< 0.05`, `>= 1 and < 5`. Without it: when it is not bad."
    )
    fail_when: ConditionText | None = Field(
        default=None, description="When the number is bad. Without it: when it is not good. In between: inconclusive."
    )
    samples: Query | None = Field(
        default=None, description="PromQL of how much the number rests on; with too little it is inconclusive."
    )
    min_samples: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="What `samples` has to reach; default: 20."
    )
    compare: Comparison | None = Field(default=None, description="Instead of `query`: counts beside the old clusters'.")
    interval: Duration = Field(default=10.0, ge=1, le=3600, description="Time between two looks.")
    window: Duration = Field(default=300.0, ge=1, description="What `{{window}}` in its queries stands for.")
    limits: Limits = Field(default_factory=Limits, description="How many verdicts lead to what.")
    on_failed: Action = Field(default="rollback", description="What too many failures lead to.")
    on_inconclusive: Action = Field(default="hold", description="What too many inconclusive verdicts lead to.")
    on_error: Action = Field(default="hold", description="What too many errors lead to.")
    dry_run: bool = Field(default=False, description="Only tell its verdicts; they lead to nothing.")

    @property
    def called(self) -> str:
        """Its name, for people and records."""
        return self.name or self.ready or ""

    @model_validator(mode="after")
    def _whole(self) -> "Gate":
        rules: tuple[Callable[[], str], ...] = (
            self._kind_fault,
            self._own_fault,
            self._ready_fault,
            self._condition_fault,
            self._samples_fault,
        )
        if fault := next((told for rule in rules if (told := rule())), ""):
            raise ValueError(fault)
        return self

    def _kind_fault(self) -> str:
        given = [key for key, value in (("ready", self.ready), ("query", self.query)) if value is not None]
        own_comparison = self.compare is not None and (self.compare.bad is not None or self.ready is None)
        given += ["compare"] if own_comparison else []
        if len(given) != 1:
            return "give exactly one of `ready`, `query` and `compare`"
        return ""

    def _own_fault(self) -> str:
        if self.ready is not None:
            return ""
        if self.name is None:
            return "a gate of your own needs a `name`"
        if self.metrics is not None:
            return "`metrics` is for ready-made gates; your own query names its metrics"
        if self.query is not None and self.success_when is None and self.fail_when is None:
            return "a `query` needs `successWhen`, `failWhen` or both"
        return "`compare` needs `bad` and `all`" if self.compare is not None and self.compare.bad is None else ""

    def _ready_fault(self) -> str:
        if self.ready is not None and self.ready not in COMPARING and self.compare is not None:
            return f"`{self.ready}` judges a value: it has `successWhen` and `failWhen`, not `compare`"
        return ""

    def _condition_fault(self) -> str:
        if self.success_when is None and self.fail_when is None:
            return ""
        if self.compare is not None or self.ready in COMPARING:
            return "`successWhen` and `failWhen` are for a `query`; a comparison judges by `times` or `difference`"
        if self.success_when is None or self.fail_when is None:
            return ""
        both = condition.in_common(condition.parse(self.success_when), condition.parse(self.fail_when))
        if both is None:
            return ""
        return f"`successWhen` and `failWhen` contradict each other: both hold for {both:g}"

    def _samples_fault(self) -> str:
        if self.min_samples is not None and self.samples is None and self.ready is None:
            return "`minSamples` needs `samples`, the query that counts them"
        if self.samples is not None and (self.compare is not None or self.ready in COMPARING):
            return "`samples` is for a `query`; a comparison has `minStarts`"
        return ""


def _names_apart(gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    names = [gate.called for gate in gates]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ValueError(f"two gates are called `{twice}`; give one a `name` of its own")
    return gates


def _none_of_them(value: Any) -> Any:
    return () if value == NONE else value


class _OrNone:
    """Allows the word for no gates in the JSON Schema too, where editors read it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"const": NONE}, handler(core)]}


#: The gates of a step, by names that differ. `none` says that there shall be none, and is the empty tuple.
Gates = Annotated[tuple[Gate, ...], AfterValidator(_names_apart), BeforeValidator(_none_of_them), _OrNone]
