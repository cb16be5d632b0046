from __future__ import annotations

import re
from pathlib import Path

from ws_deployment.config.reference import reference

WRITTEN = Path(__file__).parents[2] / "docs/config-reference.md"


def test_the_reference_is_that_of_the_models() -> None:
    assert WRITTEN.read_text("utf-8") == reference(), "run `make docs`"


def test_every_link_leads_to_a_heading() -> None:
    text = reference()
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-") for line in re.findall("(?m)^## .*", text)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= headings
