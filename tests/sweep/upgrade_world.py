"""A world for one kill of an upgrade: a namespace of the shared management cluster, a state, a git repository."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.cluster_api import EXAMPLES
from harness.upgrade_run import controllers, upgrade_config
from sweep.management import ManagementCluster
from sweep.world import Ended, World

from ws_deployment.cli.management import asked, wishes
from ws_deployment.engine.schedules import Asked, Schedules
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store
from ws_deployment.releases import plan_file
from ws_deployment.releases.calendar.window import Opening
from ws_deployment.releases.plan import UpgradePlan
from ws_deployment.releases.planning import plan_upgrade

#: What is upgraded, and where to: objects are made and changed; of gamma's some fields are taken away, too.
UPGRADED = {"alpha": "20.1.0", "gamma": "21.0.0"}
ANSWERS = ["KubeadmControlPlane:spec.replicas=overwrite"]
#: The former release's template for workers is deleted.
DEFINITION = """
apiVersion: ws-deployment.dev/v1
kind: MutableFields
objects:
- {resource: worker-bootstrap, rule: overwrite, reason: nobody needs it any more}
"""
BRANCH = "upgrade/sweep"
#: Hooks of the repository in which the program can be killed, while it waits for its push.
HOOKS = ("pre-receive", "post-receive")
#: Seconds that a scheduled upgrade may take.
_LASTS = 3600.0


class UpgradeWorld(World):
    """Below `top`, with clusters in a namespace of their own. End it: it has processes."""

    def __init__(self, top: Path, tools: Path, management: ManagementCluster) -> None:
        super().__init__(top, tools)
        self.management = management
        self.space = management.space()
        self.plan, self.origin = top / "plan", top / "origin.git"
        (top / "tmp").mkdir()
        self.env |= {
            "KUBECONFIG": str(management.cluster.kubeconfig),
            "WS_DEPLOYMENT_RELEASES": str(EXAMPLES),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "TMPDIR": str(top / "tmp"),
        }
        self._until_end = ExitStack()

    def command(self, *arguments: str, **plan: Any) -> Ended:
        """Carry out a command; it can also be killed at its writes to the API, and in a push."""
        label = (plan.get("stop") or {}).get("label", "")
        for hook in HOOKS:
            (self.top / f"kill-in-{hook}").unlink(missing_ok=True)
        if label.startswith("hook "):
            (self.top / f"kill-in-{label.removeprefix('hook ')}").touch()
        return super().command(*arguments, calls=["api", "git"], pid=str(self.top / "pid"), **plan)

    def bridge_calls(self) -> list[str]:
        """What was written to the API, in order."""
        return self.management.writes(self.space)

    # -- what is there before ------------------------------------------------------------------------------------

    def make_plans(self, names: Sequence[str] = tuple(UPGRADED)) -> list[UpgradePlan]:
        """Clusters, and a file of the plans of their upgrades."""
        self.management.make(self.space, names)
        definition = self.top / "definition.yaml"
        definition.write_text(DEFINITION)
        wanted, how = wishes(definition, ANSWERS), asked(definition, ANSWERS, "")
        versions = [(name, UPGRADED.get(name, "20.1.0")) for name in names]
        plans = [plan_upgrade(self.management.management, name, self.space, to, wishes=wanted) for name, to in versions]
        for plan in plans:
            assert not plan.problems, plan.problems
            assert not plan.questions, plan.questions
        return list(plan_file.write(self.plan, [replace(plan, asked=how) for plan in plans]))

    def schedule(self, plans: Sequence[UpgradePlan], seconds: float) -> None:
        """Schedule them for so many seconds from now."""
        begin = datetime.fromtimestamp(time.time() + seconds, UTC)
        then = Asked("then", Opening(begin, begin + timedelta(seconds=_LASTS)))
        store = Store(State(self.state))
        try:
            Schedules(store).add_all([(plan, then) for plan in plans], time.time())
        finally:
            store.close()

    def make_origin(self) -> None:
        """A bare repository that holds the clusters, keeps a log of its branches, and kills who pushes if told to."""
        made = self.top / "made"
        made.mkdir()
        self.git(made, "init", "--quiet")
        for file in sorted((EXAMPLES / "clusters").glob("*.yaml")):
            # The same in every world, and the plan is about this one's namespace.
            (made / file.name).write_text(file.read_text().replace("namespace: clusters", f"namespace: {self.space}"))
        self.git(made, "add", ".")
        self.git(made, "commit", "--quiet", "-m", "one")
        self.git(self.top, "clone", "--quiet", "--bare", str(made), str(self.origin))
        self.git(self.origin, "config", "core.logAllRefUpdates", "always")
        for name in HOOKS:
            hook = self.origin / "hooks" / name
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(f"#!/bin/sh\n[ ! -e '{self.top}/kill-in-{name}' ] || kill -9 $(cat '{self.top}/pid')\n")
            hook.chmod(0o755)

    def make_run(self) -> None:
        """A cluster, its controllers until the end, and a config that upgrades it."""
        self.management.make(self.space, ["alpha"])
        self._until_end.enter_context(controllers(self.management.kube, self.space))
        upgrade_config(self.top, self.management.cluster, self.space)
        config = json.loads(self.config.read_text())
        config["workspaceClusters"] = config["workspaceClusters"][:1]
        del config["waves"]
        self.config.write_text(json.dumps(config))

    def git(self, folder: Path, *words: str) -> str:
        """What git says."""
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
        argv = ["git", *identity, *words]
        return subprocess.run(argv, cwd=folder, env=self.env, check=True, capture_output=True, text=True).stdout.strip()

    def end(self) -> None:
        """End all processes and remove all files; the objects stay, in a namespace that nobody else has."""
        self._until_end.close()
        super().end()
