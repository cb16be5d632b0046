from __future__ import annotations

import pytest

from ws_deployment.releases.versions import Range, Version

#: From the oldest to the newest, as https://semver.org/#spec-item-11 has it.
ORDERED = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.2.0",
    "1.10.0",
    "v2.0.0",
]


def test_versions_are_ordered_as_versions() -> None:
    assert [one.text for one in sorted(map(Version.of, reversed(ORDERED)))] == ORDERED


def test_a_version_is_itself_however_it_is_written() -> None:
    assert Version.of("v1.2.3") == Version.of("1.2.3+build.7")
    assert hash(Version.of("v1.2.3")) == hash(Version.of("1.2.3"))
    assert str(Version.of("v1.2.3")) == "v1.2.3"


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.x", "01.2.3", "1.2.3-", "latest", " 1.2.3", "1.2.3.4", "vv1.2.3"]
)
def test_what_is_no_version_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        Version.of(text)


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        (">=25.0.0 <25.2", ["25.0.0", "25.1.9"], ["24.9.9", "25.2.0", "26.0.0"]),
        (">=25,<26", ["25.0.0", "25.99.0"], ["26.0.0"]),
        ("24.3.2", ["24.3.2", "v24.3.2"], ["24.3.3"]),
        ("=24.3.2", ["24.3.2"], ["24.3.1"]),
        (">= 1.0.0-rc.1 <= 1.0.0", ["1.0.0-rc.2", "1.0.0"], ["1.0.0-beta", "1.0.1"]),
        (">1.9.0", ["1.10.0"], ["1.9.0", "1.2.0"]),
    ],
)
def test_a_range_holds_versions(range_: str, inside: list[str], outside: list[str]) -> None:
    found = Range.of(range_)
    assert all(Version.of(text) in found for text in inside)
    assert not any(Version.of(text) in found for text in outside)


@pytest.mark.parametrize(
    "text", ["", "25", "25.1", "x", ">=", ">=25 or 26", "1.2.3a", ">1.0.0<2.0.0", "~1.2.3", "^1.0.0"]
)
def test_what_is_no_range_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no range"):
        Range.of(text)
