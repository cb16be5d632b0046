"""The story of a run for GitLab's job logs: a collapsible section for each task, with its real duration.

Format: https://docs.gitlab.com/ci/jobs/job_logs/ (custom collapsible sections).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ws_deployment.output.grouped import GroupedOutput
from ws_deployment.output.model import TaskView

_ERASE = "\x1b[0K"


class GitLabOutput(GroupedOutput):
    """Folds as sections; those of tasks that went well are collapsed."""

    name = "gitlab"

    def fold(self, task: TaskView, heading: str, lines: Sequence[str]) -> None:
        """Write a section."""
        section = re.sub(r"[^A-Za-z0-9_.-]", ".", task.key)
        began = int(task.started or 0)
        ended = int((task.started or 0) + (task.seconds or 0))
        collapsed = "[collapsed=true]" if task.status.good else ""
        self.line(f"{_ERASE}section_start:{began}:{section}{collapsed}\r{_ERASE}{heading}")
        for line in lines:
            self.line(f"  {line}")
        self.line(f"{_ERASE}section_end:{ended}:{section}\r{_ERASE}")

    def ask(self, task: TaskView, lines: Sequence[str]) -> None:  # noqa: ARG002  the lines name it
        """Repeat a question in colour: GitLab's log has no annotations."""
        self.line(f"\x1b[1;33m{lines[0]}\x1b[0m")
