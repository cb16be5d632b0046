"""Faults of the world, once a kind of sub-task: a run goes on by its retries, or fails clearly and another go ends it.

Where a fault comes is a write to the journal or a call to the bridge, never a moment.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sweep.faulty_bridge import Orders, faulty_bridge
from sweep.final import Final, Interruption, differences, final
from sweep.kills import Result, journaling
from sweep.world import Ended, World

from ws_deployment.lab import control_plane, daemon
from ws_deployment.tools.catalogue import CONTROL_PLANE
from ws_deployment.tools.provide import find_all

#: Goes of a run until it must have ended well.
GOES = 8
#: Quick retries, of which some come.
DEFAULTS = {"retries": {"attempts": 4, "initial": 0.3, "maximum": 2}}


@dataclass(frozen=True)
class Fault:
    """`acts` happen at writes (see driver.py), `orders` at calls to the bridge; `code` is how the first go ends.

    `asking` ones befall a run that asks a person.
    """

    code: int = 0
    acts: tuple[dict[str, Any], ...] = ()
    orders: tuple[tuple[str, str], ...] = ()
    asking: bool = False


def at(entry: str, what: str, value: float | None = None) -> tuple[dict[str, Any], ...]:
    """One act before an entry is journaled: of ea7's tasks, or of the shift."""
    segments = {"meta": "meta/traffic-shift", "run": "run/approval"}
    segment = segments.get(entry.partition("/")[0], "ea7/create-cluster")
    return ({"label": journaling(entry, segment), "what": what, "value": value},)


CREATE, INSTALL, ALIVE = "ea7/create-cluster", "ea7/install-jaeger", "ea7/alive-test"
REGISTER, YES = "ea7/register-cluster", "run/approval/approval"
WRITE, HOLD = "meta/traffic-shift/50%/ea7/score", "meta/traffic-shift/50%/hold"
FAULTS: dict[str, Fault] = {
    # Journaling the intent, the effect comes next; the API server is away for all of its first attempt.
    "API server restarted before helm installs": Fault(acts=at(f"{INSTALL}/intent", "restart")),
    "API server restarted before registering": Fault(acts=at(f"{REGISTER}/intent", "restart")),
    "API server restarted before a write": Fault(acts=at(WRITE, "restart")),
    "API server restarted in a hold": Fault(acts=at(HOLD, "restart")),
    "API server restarted before the workspace Pod": Fault(acts=at(f"{ALIVE}/intent", "restart")),
    "API server restarted while a person is asked": Fault(acts=at(YES, "restart"), asking=True),
    "bridge UNAVAILABLE to Register": Fault(orders=(("Register", "UNAVAILABLE"),)),
    "bridge UNAVAILABLE to Update": Fault(orders=(("Update", "UNAVAILABLE"),)),
    "bridge UNKNOWN after Register": Fault(1, orders=(("Register", "UNKNOWN"),)),
    "bridge UNKNOWN after Update": Fault(1, orders=(("Update", "UNKNOWN"),)),
    "bridge after the deadline of Register": Fault(orders=(("Register", "late"),)),
    "bridge after the deadline of Update": Fault(orders=(("Update", "late"),)),
    "disk full before terraform's outcome": Fault(1, acts=at(f"{CREATE}/run", "disk")),
    "disk full before helm's outcome": Fault(1, acts=at(f"{INSTALL}/run", "disk")),
    "disk full before a registration's outcome": Fault(1, acts=at(f"{REGISTER}/meta", "disk")),
    "disk full before a write's outcome": Fault(1, acts=at(WRITE, "disk")),
    "disk full in a hold": Fault(1, acts=at(HOLD, "disk")),
    "disk full before the outcome of a test": Fault(1, acts=at(f"{ALIVE}/run", "disk")),
    "disk full before a yes is kept": Fault(1, acts=at(YES, "disk"), asking=True),
    "clock an hour on before terraform's outcome": Fault(acts=at(f"{CREATE}/run", "clock", 3600)),
    "clock an hour back before helm's outcome": Fault(acts=at(f"{INSTALL}/run", "clock", -3600)),
    "clock an hour on before the outcome of a test": Fault(acts=at(f"{ALIVE}/run", "clock", 3600)),
    "clock an hour back before a registration's outcome": Fault(acts=at(f"{REGISTER}/meta", "clock", -3600)),
    "clock an hour back before a yes is kept": Fault(acts=at(YES, "clock", -3600), asking=True),
    "clock an hour on before a write": Fault(acts=at(WRITE, "clock", 3600)),
    "clock an hour back at a hold": Fault(
        acts=({"label": "delete waits + insert waits #1", "what": "clock", "value": -3600},)
    ),
}


def suffered(world: World, faults: Sequence[Fault], undisturbed: Final, name: str = "") -> Result:
    """A run under the faults, each of which comes once; tried again until it has ended well."""
    orders = Orders(*(order for fault in faults for order in fault.orders))
    acts = [act for fault in faults for act in fault.acts]
    told: list[str] = []
    first_update = next(call for call in undisturbed.calls if call.startswith("Update"))
    # What was done and whose answer came too late is tried again: an effect under way, as at a kill.
    late = [order for order in orders.left if order == ("Update", "late")]
    interruptions = [Interruption(frozenset(), (first_update,)) for _ in late]
    with ExitStack() as stack:
        address = stack.enter_context(faulty_bridge(world.meta, orders))
        _configure(world, address)
        ended = world.run(acts=acts, answer=lambda _what: _restart(world))
        goes, seconds = [ended], ended.seconds
        reached = [act for act in acts if act["label"] in world.written()]
        while ended.code != 0 and len(goes) < GOES:
            told += _unclear(ended)
            interruptions.append(Interruption(world.journaled(), tuple(world.bridge_calls())))
            acts = [act for act in acts if act not in reached]
            newest = world.rows("SELECT finished FROM wsd_runs ORDER BY created DESC LIMIT 1")
            go = world.retry if newest[0]["finished"] else world.resume
            ended = go(acts=acts, answer=lambda _what: _restart(world))
            reached = [act for act in acts if act["label"] in world.written()]
            goes.append(ended)
            seconds += ended.seconds
    if ended.code:
        told.append(f"it ended with {ended.code} after {len(goes)} goes: …{ended.text[-600:]}")
    if not orders.used_up or [act for act in acts if act not in reached]:
        told.append("a fault never came")
    if len(faults) == 1 and goes[0].code != faults[0].code:
        told.append(f"its first go ended with {goes[0].code}, not {faults[0].code}: …{goes[0].text[-600:]}")
    found = final(world)
    for state in (undisturbed.state, found.state):  # a second attempt finds what the first has done, and skips it
        state["tasks"] = {key: "good" if each in {"done", "skipped"} else each for key, each in state["tasks"].items()}
        state["runs"] = [{**run, "attempt": 1} for run in state["runs"]]
    told += differences(undisturbed, found, interruptions)
    return Result(name, reached=True, seconds=seconds, differences=told, notes=[])


def _configure(world: World, address: str) -> None:
    config = json.loads(world.config.read_text())
    config["metaClusters"][0]["bridge"] = {"address": address}
    config["defaults"] = DEFAULTS
    world.config.write_text(json.dumps(config))


def _restart(world: World) -> None:
    """End ea7's API server, which cuts off whoever talks to it, and start it anew."""
    found, _ = find_all(*CONTROL_PLANE)
    [home] = (world.state / "lab" / "clusters").glob("*-ea7-*")
    server, etcd = daemon.find(home, "kube-apiserver"), daemon.find(home, "etcd")
    assert server
    assert etcd
    daemon.end([server], grace=0)
    port = json.loads((home / "cluster.json").read_text())["api_port"]

    def comes_up() -> bool:
        """It may find its port still taken, and end."""
        control_plane.ensure_api_server(home, found, port, etcd)
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    # Only the rest of its start is left to the program to live with: it listens some seconds before it is ready.
    assert daemon.wait_until(comes_up, timeout=60)


def _unclear(ended: Ended) -> list[str]:
    """What a user should not have been shown."""
    if "Traceback (most recent call last)" in ended.text:
        return [f"a traceback: …{ended.text[-1500:]}"]
    return [] if ended.code == 1 else [f"exit code {ended.code}: …{ended.text[-600:]}"]
