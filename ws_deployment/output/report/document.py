"""The whole document: its head, its sections, and the events at its end."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment import __version__
from ws_deployment.config.duration import format_duration
from ws_deployment.engine.events import Event, Kind
from ws_deployment.output.advice import safety
from ws_deployment.output.report.axis import Axis, clock, past_events
from ws_deployment.output.report.gates import gate_charts
from ws_deployment.output.report.markup import Markup, element, facts, join, table
from ws_deployment.output.report.story import gates, tasks, traffic, turns
from ws_deployment.output.report.style import STYLE
from ws_deployment.output.report.tasks import plan, sections
from ws_deployment.output.report.timeline import badge, timeline
from ws_deployment.output.report.traffic import curves
from ws_deployment.output.report.turned import turned_back
from ws_deployment.output.run_page import next_commands
from ws_deployment.output.standing import Story

#: Nothing is fetched and nothing runs, whatever stands in the file.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def report(story: Story, now: float) -> str:
    """The run as an HTML document. `now` is in seconds since the epoch."""
    events = past_events(story.events)
    run, view = story.standing.run, story.view
    stories = tasks(events)
    turned = turns(events)
    whole = Axis.of(events, now, live=story.standing.lease is not None)
    axis = whole.beyond([turn.at for turn in turned])
    what = f"{'Rollback' if run.of else 'Rollout'} of {run.fleet}, id {run.cluster_id}"
    parts = [
        ("standing", "How it stands", _standing(story)),
        ("back", "Turned back", turned_back(view)),
        ("timeline", "Timeline", timeline(view, stories, axis, turned)),
        ("traffic", "Traffic", curves(view, traffic(events), axis, turned)),
        ("gates", "Gates", gate_charts(view, gates(events), axis, turned)),
        ("plan", "Plan", plan(view, stories)),
        ("people", "What people said", _people(story, events)),
        ("tasks", "Tasks", sections(view, stories)),
        ("events", "Events", _events(events)),
    ]
    shown = [(name, title, content) for name, title, content in parts if content]
    links = [element("li", element("a", title, href=f"#{name}")) for name, title, _ in shown]
    body = join(
        [
            element("a", "Skip to how it stands", href="#standing", class_="skip"),
            element(
                "header",
                element("h1", what),
                element("p", badge(run.status), f" run {run.id}", class_="lead"),
                element("nav", element("ul", *links), aria_label="Parts of this report"),
            ),
            element(
                "main",
                *(
                    element(
                        "section",
                        element("h2", title, id=f"{name}-head"),
                        content,
                        id=name,
                        aria_labelledby=f"{name}-head",
                    )
                    for name, title, content in shown
                ),
            ),
            element("footer", element("p", f"Written {clock(now)} by ws-deployment {__version__}.")),
        ]
    )
    head = join(
        [
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            element("title", f"{what}: {run.status}"),
            element("style", Markup(STYLE)),
        ]
    )
    return "<!doctype html>\n" + element("html", element("head", head), element("body", body), lang="en") + "\n"


def _standing(story: Story) -> Markup:
    run, view, standing = story.standing.run, story.view, story.standing
    commands = [
        element("li", what, " ", element("code", command))
        for what, command in next_commands(story).items()
        if " report " not in command
    ]
    return join(
        [
            facts(
                (
                    ("may be left", safety(view, attended=standing.lease is not None)),
                    ("fleet", f"{run.fleet} ({run.environment})"),
                    ("undoes", run.of),
                    ("undone by", f"{story.undone_by.id}, {story.undone_by.status}" if story.undone_by else ""),
                    ("begun", clock(run.created)),
                    ("ended", clock(run.finished) if run.finished else "not yet"),
                    ("took", format_duration(standing.seconds) if standing.seconds is not None else ""),
                    ("attempts", str(run.attempt) if run.attempt > 1 else ""),
                    ("carried out by", "; ".join(_carriers(story))),
                    ("config", element("code", view.config_file) if view.config_file else ""),
                    ("clusters", ", ".join(f"{each.name} ({each.region})" for each in view.clusters)),
                    ("why", view.problem_text),
                    ("remedy", view.problem.get("remedy", "")),
                )
            ),
            element("h3", "To go on") if commands else None,
            element("ul", *commands, class_="commands") if commands else None,
        ]
    )


def _carriers(story: Story) -> list[str]:
    found = [
        f"{event['data']['who']} on {event['data']['host']}"
        for event in story.events
        if event["kind"] == Kind.RUN_RESUMED
    ]
    if story.standing.lease is not None:
        found.append(f"{story.standing.lease.who} on {story.standing.lease.host} at this moment")
    return list(dict.fromkeys(found))


def _people(story: Story, events: Sequence[Event]) -> Markup | None:
    said = {"approve": "approved", "mark-done": "done by hand"}
    rows = [(clock(word.at), word.who, f"{said[word.kind]}: {word.task}", word.reason) for word in story.words]
    told = {Kind.RUN_RESUMED: "took the run up", Kind.RUN_PAUSED: "paused", Kind.RUN_UNPAUSED: "let it go on"}
    rows += [
        (clock(event.at), f"{event.data['who']} on {event.data['host']}" if "who" in event.data else "", what, "")
        for event in events
        if (what := told.get(event.kind))
    ]
    rows.sort(key=lambda row: row[0])
    return table("Who said what, and when", ("when", "who", "what", "why"), rows) if rows else None


def _events(events: Sequence[Event]) -> Markup:
    rows = [(clock(event.at), event.kind, event.task or "", _told(event)) for event in events]
    return element(
        "details",
        element("summary", f"All {len(rows)} events"),
        table("Events in their order", ("when", "kind", "task", "what"), rows),
    )


def _told(event: Event) -> str:
    """What an event says, in a line; plans stand with their tasks."""
    shown = (
        *("message", "summary", "gate", "cluster", "verdict", "text", "check", "decision", "status", "reason"),
        *("error", "who", "shares", "measured"),
    )
    return ", ".join(f"{event.data[key]}" for key in shown if event.data.get(key))
