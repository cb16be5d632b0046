from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.output.glyphs import Glyphs, clean
from ws_deployment.output.page import Page, wants_colour

WORDS = st.lists(st.text("abcdefgh-/.", min_size=1, max_size=20), min_size=1, max_size=40)


@given(WORDS, st.integers(50, 110), st.integers(0, 20))
def test_wrapping_keeps_all_words_whole_and_within_the_width(words: list[str], width: int, indent: int) -> None:
    page = Page(width)
    page.wrapped(" ".join(words), " " * indent)
    assert page.text().split() == words
    assert all(len(line) <= width for line in page.text().splitlines())


@given(st.floats(0, 100), st.integers(2, 60), st.booleans())
def test_a_bar_is_full_only_at_100_and_empty_only_at_0(percent: float, width: int, unicode: bool) -> None:
    bar = Glyphs(unicode).bar(percent, width)
    filled = bar.count("█") + bar.count("#")
    assert len(bar) == width
    assert (filled == 0) == (percent == 0)
    assert (filled == width) == (percent == 100)


@given(st.text())
def test_clean_text_has_no_control_characters(text: str) -> None:
    assert all(c in "\n\t" or (ord(c) >= 32 and not 0x7F <= ord(c) < 0xA0) for c in clean(text))


def test_escape_sequences_go_whole() -> None:
    assert clean("a\x1b[31mred\x1b[0m\x1b]8;;http://x\x1b\\link\x1b]0;t\x07b\r") == "aredlinkb"


def test_colours_follow_the_stream_and_the_variables() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert wants_colour(Terminal(), {"TERM": "xterm"})
    assert not wants_colour(Terminal(), {"TERM": "dumb"})
    assert not wants_colour(Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"})
    assert not wants_colour(io.StringIO(), {})
    assert wants_colour(io.StringIO(), {"FORCE_COLOR": "1"})
