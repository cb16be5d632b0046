from __future__ import annotations

import pytest
from pydantic import ValidationError
from ws_deployment_steps.traffic_shift import TrafficShiftParameters


def test_what_is_given_over_a_ready_made_gate_must_go_with_it() -> None:
    with pytest.raises(ValidationError, match=r"gate `startup-p95`: .*contradict each other"):
        TrafficShiftParameters.model_validate({"gates": [{"ready": "startup-p95", "failWhen": "> 8"}]})


def test_starts_are_measured_where_gates_judge() -> None:
    assert TrafficShiftParameters.model_validate({"gates": ["start-failures"]}).measured == "required"
    assert TrafficShiftParameters.model_validate({}).measured == "off"
    assert not TrafficShiftParameters.model_validate({"gates": "none"}).watched


def test_stages_rise_to_all_with_words_between() -> None:
    good = {"stages": [10, "approve", {"percent": 50, "until": "metrics", "atMost": "1h"}, 100]}
    assert TrafficShiftParameters.model_validate(good).stages[1] == "approve"
    for bad in ([50, 10, 100], [10, 50], ["approve", 100], [{"percent": 50, "atMost": "1h"}, 100]):
        with pytest.raises(ValidationError):
            TrafficShiftParameters.model_validate({"stages": bad})
