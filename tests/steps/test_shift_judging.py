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


PREVIEWS = {"canary": {"featurePreview": True}, "hold": "1h"}


def test_a_canary_comes_first_and_leaves_a_place_for_all_others() -> None:
    told = TrafficShiftParameters.model_validate({"stages": [PREVIEWS, "approve", 10, 100], "hold": 60})
    assert told.canary
    assert (told.canary.hold, told.canary.approve) == (3600, True)
    assert TrafficShiftParameters.model_validate({"stages": [10, 100]}).canary is None
    faults = {
        "a canary comes before the first stage, once": [10, PREVIEWS, 100],
        "a canary needs a stage below 100 after it": [PREVIEWS, 100],
        "a canary is `{permission: NAME}` or": [{"canary": {"permission": "x", "featurePreview": True}}, 10, 100],
        "stages rise and end with 100": [PREVIEWS],
    }
    for why, stages in faults.items():
        with pytest.raises(ValidationError, match=why):
            TrafficShiftParameters.model_validate({"stages": stages})


@pytest.mark.parametrize("via", ["werft", "gpctl", "httproute", "command"])
def test_only_a_bridge_has_canaries(via: str) -> None:
    with pytest.raises(ValidationError, match=f"`via: {via}` can't"):
        TrafficShiftParameters.model_validate({"via": via, "stages": [PREVIEWS, 10, 100]})


def test_stages_rise_to_all_with_words_between() -> None:
    good = {"stages": [10, "approve", {"percent": 50, "until": "metrics", "atMost": "1h"}, 100]}
    assert TrafficShiftParameters.model_validate(good).stages[1] == "approve"
    for bad in ([50, 10, 100], [10, 50], ["approve", 100], [{"percent": 50, "atMost": "1h"}, 100]):
        with pytest.raises(ValidationError):
            TrafficShiftParameters.model_validate({"stages": bad})
