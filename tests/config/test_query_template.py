from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.config.query_template import check, fill, promql_duration
from ws_deployment.errors import WsDeploymentError

LABELS = st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True)


def test_a_query_is_filled_in() -> None:
    template = 'sum(rate(x{cluster="{{cluster}}"}[{{ window }}])) / sum(rate(x{cluster=~"{{old}}"}[{{window}}]))'
    assert check(template) == template
    assert fill(template, cluster="production-eu17", old=["production-eu15", "a.b"], window=90) == (
        'sum(rate(x{cluster="production-eu17"}[90s])) / sum(rate(x{cluster=~"production-eu15|a[.]b"}[90s]))'
    )


@given(old=st.lists(LABELS, min_size=1, max_size=5), other=LABELS)
def test_old_matches_the_old_clusters_and_no_other(old: list[str], other: str) -> None:
    pattern = fill("{{old}}", cluster="x", old=old, window=1)
    assert bool(re.fullmatch(pattern, other)) is (other in old)
    assert all(re.fullmatch(pattern, label) for label in old)


def test_without_old_clusters_old_matches_none() -> None:
    assert fill("{{old}}", cluster="x", old=[], window=1) == "^$"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("  ", "empty"),
        ('x{cluster="{{clustr}}"}', "Did you mean `cluster`?"),
        ('x{cluster="{{cluster}}", a="{{}}"}', "`{{}}` is no template"),
        ('x{cluster="{{cluster"}', "never closed"),
        ('x{cluster="eu17"}', "all clusters as one"),
    ],
)
def test_a_faulty_template_is_told(template: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        check(template)
    assert said in str(caught.value)


@pytest.mark.parametrize("label", ['eu17"} or vector(1) #', "eu17\\", "eu 17", "", "eu17\n", "a|b", "eu.*"])
def test_a_label_cannot_change_the_query(label: str) -> None:
    with pytest.raises(WsDeploymentError):
        fill('x{cluster="{{cluster}}"}', cluster=label, old=[], window=1)
    with pytest.raises(WsDeploymentError):
        fill('x{cluster="{{cluster}}"}', cluster="eu17", old=[label], window=1)


@pytest.mark.parametrize(("seconds", "text"), [(300, "300s"), (1.5, "1500ms"), (0.0001, "1ms")])
def test_durations_are_those_of_promql(seconds: float, text: str) -> None:
    assert promql_duration(seconds) == text
