"""Kills workers at random moments of a run, and judges what they left."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import time
from pathlib import Path

from workers.crew import Crew, Effects


def killing(
    machines: Crew, config: Path, file: Path, *, workers: int, kills: int, seed: int, tasks: str = ""
) -> dict[int, float]:
    """Carry out the run of `config` while so many workers are killed, each replaced by another; the moments of death.

    With `tasks` only those of that step leave effects in the file. Each moment is drawn by what was done so far, not by
    a clock. Every second one takes the whole process group.
    """
    chance = random.Random(seed)
    for _ in range(workers):
        machines.start()
    run = machines.detach(config)
    every = json.loads(machines.run(run)["record"])["tasks"]
    total = sum(task.endswith(tasks) for task in every)
    died: dict[int, float] = {}
    for number, moment in enumerate(sorted(chance.sample(range(1, max(total * 3 // 4, kills + 1)), kills))):
        machines.until(lambda moment=moment: len(Effects.of(file).begun()) >= moment, f"{moment} tasks")
        alive = [worker for worker in machines.workers if worker.poll() is None]
        victim = chance.choice(alive)
        died[victim.pid] = time.time()
        (os.killpg if number % 2 else os.kill)(victim.pid, signal.SIGKILL)
        victim.wait()
        machines.start()
    machines.done(run)
    assert len(Effects.of(file).begun()) == total
    judge(Effects.of(file), died)
    finished = [event["task"] for event in machines.events(run, "task.finished")]
    assert sorted(finished) == sorted(every)
    return died


def judge(effects: Effects, died: dict[int, float]) -> None:
    """Each task once, but for what was under way at a worker's death; never twice at once."""
    excused = set()
    for pid in died:
        for line in effects.of_worker(pid):  # the last of each cluster was under way, or about to be journaled
            last = [each for each in effects.of_worker(pid) if _cluster(each["task"]) == _cluster(line["task"])][-1]
            excused.add((pid, last["task"]))
    for task, count in effects.begun().items():
        times = [line for line in effects.lines if line["task"] == task and line["what"] == "begin"]
        ends = {line["worker"]: line["at"] for line in effects.lines if line["task"] == task and line["what"] == "end"}
        assert len({line["worker"] for line in times}) == count, f"{task} ran twice in one worker"
        for earlier, later in itertools.pairwise(times):
            pid = earlier["worker"]
            assert (pid, task) in excused, f"{task} ran again, though {pid} was not at it when it died"
            assert later["at"] >= min(ends.get(pid, died[pid]), died[pid]), f"{task} ran twice at once"


def _cluster(task: str) -> str:
    return task.partition(".")[0]
