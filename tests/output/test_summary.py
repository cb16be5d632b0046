from __future__ import annotations

from pathlib import Path

from harness import event_streams as streams

from ws_deployment.engine.events import Kind
from ws_deployment.output.glyphs import Glyphs
from ws_deployment.output.page import Page
from ws_deployment.output.summary import Summary


def text(story: streams.Story, page: Page | None = None) -> str:
    return Summary(streams.folded(story)).write(page or Page()).text()


def test_it_says_what_was_made_and_where_what_failed_and_what_to_do(tmp_path: Path) -> None:
    story = streams.mixed(str(tmp_path))
    run = streams.folded(story)
    kept = run.tasks["us17/alive-test"].output
    assert kept
    kept.parent.mkdir(parents=True)
    kept.write_text("no node matches")
    shown = text(story)
    assert "✗ failed in 10m09s:  demo-staging, id 17, run 20261121-091533-7f3a\n" in shown
    assert "✓ eu17   gp-stag-ws-eu17  europe-west1  local\n" in shown
    assert "https://127.0.0.1:41175, takes 100 % of prod-meta-eu00\n" in shown
    assert "create-cluster      2.1s  skipped  2.1s" in shown
    assert "✗ us17/alive-test  failed after 30s\n" in shown
    assert "→ Look at the Pod's events: kubectl describe pod ws-probe.\n" in shown
    assert f"output: {kept}\n" in shown
    assert "⊘ blocked by that: us17/register-cluster, prod-meta-us01/traffic-shift\n" in shown
    assert f"terraform -chdir={tmp_path}/fleets/demo/us17/create-cluster destroy" in shown
    assert f"kubectl --kubeconfig {tmp_path}/eu17/kubeconfig get pods -A" in shown


def test_it_fits_80_columns_but_for_what_must_be_copied_whole() -> None:
    for story in (streams.good(), streams.mixed(), streams.interrupted(), streams.refused(), streams.many()):
        for line in text(story).splitlines():
            assert len(line) <= 80 or line.lstrip().startswith(("terraform ", "kubectl ", "/"))


def test_many_clusters_get_a_range_of_durations_instead_of_a_column_each() -> None:
    shown = text(streams.many())
    assert "targets  fastest  slowest" in shown
    assert "create-cluster      25" in shown


def test_a_refusal_says_that_nothing_was_touched() -> None:
    shown = text(streams.refused())
    assert "Refused, nothing was touched" in shown
    assert "✗ eu17/create-cluster  terraform: no terraform on PATH" in shown
    assert "→ Install Terraform 1.5 or newer." in shown
    assert "Clusters" not in shown


def test_what_a_run_did_not_begin_to_make_needs_no_removal() -> None:
    story = streams.Story({"meta": ("eu17",)})
    story.say(0, Kind.TASK_STARTED, "eu17/create-cluster")
    planned = {"summary": "x", "change": "create", "diff": "", "unknown": [], "subtasks": ["run"]}
    story.say(0, Kind.TASK_PLANNED, "eu17/create-cluster", **planned, removal="remove it")
    story.finish(1, "eu17/create-cluster", "failed", "no", 1.0)
    assert "remove it" not in text(story)


def test_next_steps_and_removals_can_be_given() -> None:
    run = streams.folded(streams.interrupted())
    shown = Summary(run, {"to go on:": "ws-deployment resume X"}, {"eu17": "remove it"}).write(Page()).text()
    assert "to go on:\n      ws-deployment resume X\n" in shown
    assert "remove it\n" in shown
    assert "■ eu17/install-gitpod  install gitpod 0.5.0 into eu17" in shown


def test_colours_only_where_wanted_and_ascii_where_needed() -> None:
    assert "\x1b" not in text(streams.mixed())
    assert "\x1b[31m✗\x1b[0m us17/alive-test" in text(streams.mixed(), Page(colour=True))
    assert text(streams.mixed(), Page(glyphs=Glyphs(unicode=False))).isascii()
