"""The ready-made gates, for both generations of the workspace clusters' metrics, and gates with them put in.

A counter appears with the first thing that it counts, so where nothing was counted yet the starts stand in, times 0: a
cluster that is seen at all then has 0 failures, and one that is not seen has none of the two series.
"""

from __future__ import annotations

from typing import Any

from ws_deployment.config.gates import Gate, ReadyName
from ws_deployment.config.v1 import BridgeApi

#: What `@` stands for in the queries below.
_PREFIX: dict[BridgeApi, str] = {"2021": "gitpod_ws_manager_workspace_", "2026": "gitpod_ws_manager_mk2_workspace_"}
_STARTS = '@starts_total{cluster="{{cluster}}"}'
_NONE = f"0 * {_STARTS}"
_FAILED_STOPS = '@stops_total{cluster="{{cluster}}", reason="failed"}'
#: Stops of workspaces that had come up, by the will of somebody or not.
_STOPS = '@stops_total{cluster="{{cluster}}", reason!~"start-failure|aborted"}'
#: Prebuilds and image builds take their time. 2021 writes the type in capitals.
_REGULAR = 'cluster="{{cluster}}", type=~"(?i:regular)"'
_STARTUPS = f"@startup_seconds_count{{{_REGULAR}}}"
#: Python's exporters and Prometheus 3 write the bound as 128.0.
_IN_TIME = f'@startup_seconds_bucket{{{_REGULAR}, le=~"128([.]0)?"}}'
_P95 = f"histogram_quantile(0.95, sum by (le) (rate(@startup_seconds_bucket{{{_REGULAR}}}[{{{{window}}}}])))"
#: In 2021 a start that failed is counted where the workspace stops, as one that failed: no reason tells it from those
#: that failed while they ran.
_FAILED_STARTS: dict[BridgeApi, str] = {
    "2021": '@stops_total{cluster="{{cluster}}", reason="failed"}',
    "2026": '@starts_failure_total{cluster="{{cluster}}"}',
}


def starts_query(api: BridgeApi) -> str:
    """PromQL template of the counters of all starts of the clusters `{{old}}`."""
    return f'{_PREFIX[api]}starts_total{{cluster=~"{{{{old}}}}"}}'


def resolved(gate: Gate, api: BridgeApi) -> Gate:
    """`gate` as one of one's own: a ready-made one with its queries written out, and what was given over its own.

    `api` is the generation of the metrics where the gate does not say.
    """
    if gate.ready is None:
        return gate
    api = gate.metrics or api
    told = _filled(_ready(gate.ready, api), _PREFIX[api])
    given = {key: getattr(gate, key) for key in gate.model_fields_set - {"ready", "metrics"}}
    given = {key: value for key, value in given.items() if value is not None}
    if gate.compare is not None:
        asked = {key: told["compare"][key] for key in ("bad", "all")}
        given["compare"] = gate.compare.model_dump(exclude_none=True) | asked
    if "limits" in given:
        given["limits"] = told.get("limits", {}) | gate.limits.model_dump(exclude_unset=True)
    return Gate.model_validate({"name": gate.ready, **told, **given})


def _ready(name: ReadyName, api: BridgeApi) -> dict[str, Any]:
    match name:
        case "start-failures":
            return {"compare": {"bad": f"{_FAILED_STARTS[api]} or {_NONE}", "all": _STARTS}}
        case "failed-stops":
            return {"compare": {"bad": f"{_FAILED_STOPS} or {_NONE}", "all": f"{_STOPS} or {_NONE}"}}
        case "startup-slo":
            late = f"{_STARTUPS} - ignoring(le) {_IN_TIME}"
            return {"compare": {"bad": f"({late}) or {_NONE}", "all": f"{_STARTUPS} or {_NONE}"}}
        case "pending":
            waiting = '@phase_total{cluster="{{cluster}}", phase=~"(?i:pending)"}'
            return {
                "query": f"sum({waiting}) or 0 * sum({_STARTS})",
                "success_when": "<= 20",
                "fail_when": "> 50",
                "limits": {"failed": 3},
            }
        case "startup-p95":
            return {
                "query": _P95,
                "success_when": "<= 128",
                "fail_when": "> 256",
                "samples": f"sum(increase({_STARTUPS}[{{{{window}}}}]))",
                "limits": {"failed": 3},
            }


def _filled(told: dict[str, Any], prefix: str) -> dict[str, Any]:
    """`told` with the metrics' prefix put in for each `@`."""
    return {
        key: _filled(value, prefix)
        if isinstance(value, dict)
        else value.replace("@", prefix)
        if isinstance(value, str)
        else value
        for key, value in told.items()
    }
