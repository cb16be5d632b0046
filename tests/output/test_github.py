from __future__ import annotations

import io
import json
from pathlib import Path

from harness import event_streams as streams
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.engine.events import Kind
from ws_deployment.output.github import GitHubOutput, escape, escape_property, markdown


def log(story: streams.Story, environment: dict[str, str] | None = None) -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    streams.play(GitHubOutput(stream, environment or {}), story)
    stream.seek(0)
    return stream.read().split("\n")[:-1]


def groups(lines: list[str]) -> dict[str, list[str]]:
    """The folds as the runner makes them; fails where they interleave or where a line inside is a command."""
    found: dict[str, list[str]] = {}
    heading, token = "", ""
    for line in lines:
        if line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
        elif token and line == f"::{token}::":
            token = ""
        elif token:
            found[heading].append(line)
        elif line.startswith("::group::"):
            assert not heading
            heading = line.removeprefix("::group::")
            found[heading] = []
        elif line == "::endgroup::":
            heading = ""
        else:
            assert not heading
    assert not heading
    return found


def test_each_task_is_a_fold_of_its_own_though_clusters_run_in_parallel() -> None:
    found = groups(log(streams.mixed()))
    jaeger = found["✓ us17/install-jaeger  done in 9.0s"]
    assert len([line for line in jaeger if "failed, again in 2.0s" in line]) == 2
    assert any(heading.startswith("✗ us17/alive-test  failed after 30s") for heading in found)


def test_a_failure_is_an_annotation_with_its_remedy() -> None:
    errors = [line for line in log(streams.mixed()) if line.startswith("::error ")]
    assert len(errors) == 1
    assert errors[0].startswith("::error title=us17/alive-test failed::checking that us17 lives: ")
    assert errors[0].endswith(
        "%0ALook at the Pod's events: kubectl describe pod ws-probe.%0ACompare the labels of nodes and step."
    )


def test_a_refusal_is_an_annotation_and_success_a_notice() -> None:
    assert (
        "::error title=eu17/create-cluster refused::terraform: no terraform on PATH%0AInstall Terraform 1.5 or newer."
        in log(streams.refused())
    )
    assert f"::notice title=demo-staging::eu17 done, run {streams.RUN}" in log(streams.good())


def test_kept_output_is_in_the_fold_and_cannot_give_commands(tmp_path: Path) -> None:
    story = streams.mixed(str(tmp_path))
    run = streams.folded(story)
    kept = run.tasks["us17/alive-test"].output
    assert kept
    kept.parent.mkdir(parents=True)
    kept.write_text("first\n::set-env name=PATH::/evil\n" + "more\n" * 300)
    lines = log(story)
    (fold,) = (lines for heading, lines in groups(lines).items() if "us17/alive-test" in heading)
    assert fold[-1] == "more"
    assert fold[-201] == "… 102 lines before these are in us17.alive-test.log"
    kept.write_text("::set-env name=PATH::/evil\n")
    assert any("::set-env" in line for fold in groups(log(story)).values() for line in fold)


def test_words_from_elsewhere_outside_of_folds_are_no_commands() -> None:
    story = streams.Story({"meta": ("eu17",)})
    story.say(-1, Kind.RUN_PROGRESS, message="::warning::x")
    story.say(-1, Kind.RUN_PROGRESS, message="x ##[error]y")
    assert log(story)[:2] == ["| ::warning::x", "x # #[error]y"]


def test_summary_and_outputs_go_to_the_files_that_are_named(tmp_path: Path) -> None:
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    outputs.write_text("before=1\n")
    log(streams.mixed(), {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs)})
    assert "| us17 | done 2.1s | done 3.4s | done 9.0s | done 0.8s | failed 30s | blocked |  |" in summary.read_text()
    assert "**us17/alive-test failed**" in summary.read_text()
    values = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    assert values["before"] == "1"
    assert (values["run"], values["status"], values["cluster-id"]) == (streams.RUN, "failed", "17")
    assert [cluster["shortName"] for cluster in json.loads(values["clusters"])] == ["eu17", "eun17", "us17"]


def test_markdown_quotes_what_tools_said() -> None:
    run = streams.folded(streams.mixed())
    run.tasks["us17/alive-test"].reason = "<script>`x` | y"
    assert "> &lt;script>\\`x\\` \\| y" in markdown(run)


@given(st.text("%02A5D\r\n:,é"))
def test_escaped_text_is_one_line_and_comes_back(text: str) -> None:
    """The runner undoes the escapes in this order: actions/runner, ActionCommand.cs."""
    escaped = escape(text)
    assert "\n" not in escaped
    assert "\r" not in escaped
    assert escaped.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") == text
    assert not set(escape_property(text)) & set(":,\r\n")
