from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ws_deployment.config.scalars import UnknownTagError, resolve
from ws_deployment.config.write import text_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", False),
        ("On", True),
        ("1.10", 1.1),
        ("0755", 493),
        ("0x1F", 31),
        ("1_000", 1000),
        ("~", None),
        ("", None),
        ("2021-10-05", "2021-10-05"),
        ("12:30", "12:30"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("9" * 5000, "9" * 5000),
        ("-", "-"),
        ("_1", "_1"),
        ("europe-west1", "europe-west1"),
    ],
)
def test_a_plain_word_is_read_as_helm_would(text: str, value: Any) -> None:
    assert resolve(text, quoted=False, tag=None) == value
    assert type(resolve(text, quoted=False, tag=None)) is type(value)


def test_tags_decide_and_unknown_ones_are_refused() -> None:
    assert resolve("1.10", quoted=False, tag="tag:yaml.org,2002:str") == "1.10"
    assert resolve("1", quoted=False, tag="tag:yaml.org,2002:float") == 1.0
    assert resolve("~", quoted=False, tag="tag:yaml.org,2002:null") is None
    with pytest.raises(ValueError, match="no int"):
        resolve("x", quoted=False, tag="tag:yaml.org,2002:int")
    with pytest.raises(UnknownTagError):
        resolve("os.system", quoted=False, tag="tag:yaml.org,2002:python/name")


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=8))
def test_no_number_is_infinite_and_no_word_raises(text: str) -> None:
    value = resolve(text, quoted=False, tag=None)
    assert not isinstance(value, float) or math.isfinite(value)


scalar = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@settings(deadline=None)
@given(scalar)
def test_a_written_scalar_is_read_back(value: Any) -> None:
    line = f"- {text_of(value)}"
    assert yaml.safe_load(line) == [value]
