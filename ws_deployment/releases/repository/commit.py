"""Commits upgrades to a branch of the repository that holds the clusters' resources, for a review there.

A library call; the command is in cli/. Nothing is ever forced: the branch is new, or holds this very change already.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ws_deployment.clients.git_branch import WorkTree
from ws_deployment.errors import RefusedError
from ws_deployment.releases.paths import text_of
from ws_deployment.releases.plan import Action, UpgradePlan
from ws_deployment.releases.repository.resources import write
from ws_deployment.tools import process

_ATTEMPTED = "committing the upgrade"


@dataclass(frozen=True)
class Target:
    """Where to commit: the repository, the branch to make, the branch it begins at (empty: the remote's default one).

    `below` is the file or folder in the repository that is searched for the objects; empty: all of it.
    """

    url: str = field(repr=False)
    branch: str
    base: str = ""
    below: str = ""


@dataclass(frozen=True)
class Change:
    """What became of the branch.

    `commit` is empty where nothing was pushed: in a dry run, or where `files` is empty and the base says so already.
    `before` tells that the branch held the change already. `diff` is unified, `stat` a line a file. `said` is what the
    server answered (a link to begin a review, say).
    """

    branch: str
    base: str
    files: tuple[str, ...] = ()
    commit: str = ""
    before: bool = False
    stat: str = ""
    diff: str = field(default="", repr=False)
    said: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "branch": self.branch,
            "base": self.base,
            "commit": self.commit,
            "files": list(self.files),
            "before": self.before,
            "stat": self.stat,
            "diff": self.diff,
            "said": list(self.said),
        }


def commit(
    plans: Sequence[UpgradePlan],
    target: Target,
    *,
    message: str = "",
    dry_run: bool = False,
    cancelled: process.Cancelled | None = None,
) -> Change:
    """Commit what `plans` change to `target`'s branch and push it; in a dry run only find out what that would be.

    It can be repeated: a branch that holds this very change already is left as it is. `message` takes the place of the
    written one. Raises RefusedError (see `resources.write`; also for plans with open questions or problems, and for a
    branch that holds something else), UsageError, GitError, TransientGitError, CancelledError.
    """
    for plan in plans:
        _refuse_open(plan)
    with tempfile.TemporaryDirectory(prefix="ws-deployment-commit-") as folder:
        work = WorkTree.of(target.url, Path(folder), cancelled=cancelled)
        tip = work.tip(target.branch)
        base = work.fetch(target.base)
        work.check_out(base)
        files = write(plans, work.files, target.below)
        if not files:
            return Change(target.branch, base)
        tree = work.stage(files)
        change = Change(
            target.branch, base, tuple(map(str, files)), stat=work.stat(), diff=work.diff(), before=bool(tip)
        )
        if tip:
            return replace(change, commit=_ours(work, plans, target, tree))
        if dry_run:
            return change
        made = work.commit(_message(plans, message))
        said = work.push(made, target.branch)
        return replace(change, commit=made, said=tuple(said))


def _refuse_open(plan: UpgradePlan) -> None:
    """Refuse a plan that can't be carried out."""
    on = f"{plan.namespace}/{plan.cluster} to {plan.to_version}"
    for one, kept in plan.questions:
        why = f"{one.title}: it is not decided yet what becomes of {text_of(kept.path)}"
        raise RefusedError(_ATTEMPTED, on=on, why=why, remedy="Plan again with an answer.")
    for problem in plan.problems:
        raise RefusedError(_ATTEMPTED, on=on, why=f"{problem.on}: {problem.why}", remedy=problem.remedy)


def _ours(work: WorkTree, plans: Sequence[UpgradePlan], target: Target, tree: str) -> str:
    """The commit that the branch is at, if that is this very change: to today's base (`tree`), or to what it began at.

    Raises RefusedError for any other.
    """
    tip = work.fetch(target.branch, depth=2)
    held = work.tree(tip)
    if held == tree:
        return tip
    parents = work.parents(tip)
    if len(parents) == 1:
        work.check_out(parents[0])
        try:
            files = write(plans, work.files, target.below)
        except RefusedError:
            files = []
        if files and work.stage(files) == held:
            return tip
    raise RefusedError(
        _ATTEMPTED,
        on=f"to {target.branch}",
        why=f"the branch is there already and holds something else ({tip[:12]})",
        remedy="Name another branch, or remove that one when nobody needs it.",
    )


def _message(plans: Sequence[UpgradePlan], message: str) -> str:
    """The commit's message: what is upgraded, each object with the number of its fields, and which plans these are."""
    lines = [message.strip() or _subject(plans), ""]
    if not message.strip():
        for plan in plans:
            lines += [
                f"{one.title}: {_what(one.action, len(one.written))}"
                for one in plan.objects
                if one.action is not Action.NONE
            ]
        lines.append("")
    lines += [f"Upgrade-Plan: {plan.fingerprint}" for plan in plans]
    return "\n".join(lines) + "\n"


def _subject(plans: Sequence[UpgradePlan]) -> str:
    first = plans[0]
    if len(plans) == 1:
        return f"Upgrade {first.cluster} from {first.from_version} to {first.to_version}"
    versions = sorted({plan.to_version for plan in plans})
    return f"Upgrade {len(plans)} clusters to {', '.join(versions)}"


def _what(action: Action, fields: int) -> str:
    if action is not Action.CHANGE:
        return f"{action}d"
    return f"{fields} field{'' if fields == 1 else 's'}"
