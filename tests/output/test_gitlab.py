from __future__ import annotations

import io
import re

from harness import event_streams as streams

from ws_deployment.output.gitlab import GitLabOutput

MARK = re.compile(r"^\x1b\[0Ksection_(start|end):(\d+):([A-Za-z0-9_.-]+)(\[collapsed=true\])?\r\x1b\[0K(.*)$")


def test_sections_open_and_close_without_interleaving_and_tell_real_durations() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    streams.play(GitLabOutput(stream), streams.mixed())
    stream.seek(0)
    opened, sections = "", {}
    for line in stream.read().split("\n"):
        mark = MARK.match(line)
        if mark is None:
            assert "section_" not in line
            continue
        kind, at, name, collapsed, _ = mark.groups()
        if kind == "start":
            assert not opened
            opened, sections[name] = name, (int(at), bool(collapsed))
        else:
            assert opened == name
            sections[name] = (int(at) - sections[name][0], sections[name][1])
            opened = ""
    assert not opened
    assert sections["us17.alive-test"] == (30, False)
    assert sections["us17.install-jaeger"] == (9, True)
