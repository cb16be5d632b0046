from __future__ import annotations

from html.parser import HTMLParser

import pytest
from engine.noop import config

from ws_deployment.engine.outcome import Checked, Intent, Problem, Status
from ws_deployment.engine.pipeline import Task
from ws_deployment.fleet.resolve import resolve
from ws_deployment.interfaces import Change, Scope, StepPlan
from ws_deployment.output.plan import PlanReport
from ws_deployment.output.plan_markdown import markdown

EVIL = "</details><script>x</script> ![a](http://evil) @team #1 **b** `c` | d\n# head\n```\n\u202egnol"


def report(*intents: tuple[str, Intent]) -> PlanReport:
    planned = [(Task(f"eu17/{step}", step, Scope.CLUSTER, "eu17", ("eu17",), ()), each) for step, each in intents]
    return PlanReport(resolve(config({"eu": "meta-eu"}), 17), planned)


def test_it_reads_well() -> None:
    upgrade = StepPlan("upgrade", Change.UPDATE, "~ X/y\n    -  a: 1\n    +  a: 2")
    later = (Checked("chart", "proceed"), Checked("cluster", "deferred", "no cluster yet"))
    shown = markdown(
        report(
            ("create", Intent(Status.RUNNING, (), StepPlan("make it", Change.CREATE, "+ it\n    name = 1"))),
            ("install", Intent(Status.RUNNING, later, upgrade)),
            ("register", Intent(Status.REFUSED, (), None, Problem("checking", "eu17", "taken", "Choose 18."))),
        )
    )
    assert shown == EXPECTED


EXPECTED = """\
### Plan for `test-staging` (staging), cluster id 17

**Plan: \\+ 1 to create, \\~ 1 to update, ✗ 1 refused.**

| cluster | name | type | region | governed by | changes |
|---|---|---|---|---|---|
| `eu17` | `gp-stag-ws-eu17-eu-west1` | `nowhere` | `europe-west1` | `meta-eu` | `+` 1 `~` 1 `✗` 1 |

#### `eu17`

<details><summary><code>+</code> <b>create</b> make it</summary>

```diff
+ it
    name = 1
```

</details>

<details><summary><code>~</code> <b>install</b> upgrade</summary>

```diff
~ X/y
-  a: 1
+  a: 2
```

- checked: chart
- checked later: cluster: no cluster yet

</details>

<details open><summary><code>✗</code> <b>register</b> refused: taken</summary>

→ Choose 18.

</details>
"""


class Tags(HTMLParser):
    """The tags of a text outside of fences."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  the base's signature
        self.seen.add(tag)


@pytest.mark.parametrize("place", ["summary", "unknown", "reason", "remedy", "check"])
def test_nothing_that_is_planned_can_be_markup(place: str) -> None:
    evil = {place: EVIL}
    intent = Intent(
        Status.RUNNING,
        (Checked(evil.get("check", "c"), "deferred", evil.get("reason", "r")),),
        StepPlan(evil.get("summary", "s"), unknown=(evil.get("unknown", "u"),)),
        Problem("checking", "eu17", "why", evil.get("remedy", "x")),
    )
    shown = markdown(report(("create", intent)))
    tags = Tags()
    tags.feed(shown)
    assert tags.seen == {"details", "summary", "code", "b"}
    assert shown.count("</details>") == 1
    assert "@team" not in shown
    assert "http://" not in shown
    assert "\u202e" not in shown
    assert not [line for line in shown.splitlines() if line.startswith(("# ", "```"))]
    if place != "summary":
        assert r"\*\*b\*\* \`c\` \| d" in shown


def test_a_listing_can_not_end_its_fence() -> None:
    shown = markdown(report(("create", Intent(Status.RUNNING, (), StepPlan("s", diff=f"a\n````\n{EVIL}\nz")))))
    fences = [number for number, line in enumerate(shown.splitlines()) if line.startswith("`````")]
    assert len(fences) == 2
    assert "\u202e" not in shown
    assert shown.splitlines()[fences[1] - 1] == "z"


def test_long_listings_are_cut_unless_all_is_wanted() -> None:
    listing = "\n".join(f"line {number}" for number in range(300))
    long = report(("create", Intent(Status.RUNNING, (), StepPlan("s", diff=listing))))
    assert "# and 100 lines more" in markdown(long)
    assert "line 299" in markdown(long, full=True)
