"""The lab's own command line: create or delete one cluster. What Terraform calls, so its start counts in every rollout.

It is argparse's: typer takes 100 ms more to start, a twentieth of a cluster's whole creation.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ws_deployment.errors import UsageError


def carry_out(argv: Sequence[str], program: str) -> None:
    """Do what `argv` says: `create NAME …` prints the kubeconfig's path, `delete NAME` nothing; the story is stderr's.

    Raises WsDeploymentError; exits with 2 when `argv` is not understood.
    """
    options = _parser(program).parse_args(argv)
    from ws_deployment.lab import cluster  # noqa: PLC0415  --help need not pay for it

    if options.action == "create":
        made = cluster.create_cluster(
            options.name,
            run_id=options.run_id,
            fleet=options.fleet,
            labels=dict(map(_pair, options.label)),
            region=options.region,
            nodes=options.nodes,
            on_progress=_say,
        )
        sys.stdout.write(f"{made.kubeconfig}\n")
    else:
        removed = cluster.delete_cluster(options.name, run_id=options.run_id)
        _say(f"{options.name}: {'removed' if removed else 'there is none'}")


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="Create or delete one cluster of the lab.")
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="create it, or go on with what an attempt of the same run has left")
    create.add_argument("--run-id", default="", help="the mark of the run that makes it")
    create.add_argument("--fleet", default="", help="the fleet that it belongs to")
    create.add_argument("--region", default="", help="region that its nodes say they are in")
    create.add_argument("--nodes", type=int, default=3, help="number of simulated nodes")
    create.add_argument(
        "--label", action="append", default=[], metavar="KEY=VALUE", help="kept with it; repeat for more"
    )
    delete = actions.add_parser("delete", help="end its processes and remove all that is its own")
    delete.add_argument("--run-id", help="refuse unless it is this run's")
    for each in (create, delete):
        each.add_argument("name", help="name of the cluster")
    return parser


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise UsageError(
            "reading --label", on=text, why="it is no KEY=VALUE", remedy="For example: --label team=platform"
        )
    return key, value


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
