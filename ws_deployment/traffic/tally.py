"""Counts a gate's verdicts apart, for one cluster and one stage, and says what they lead to. Pure.

The counts are those of argo-rollouts' analysis: failures and inconclusive verdicts in all, errors and successes in a
row. A limit here is the number that leads to the action; argo's `failureLimit: 0` is `failed: 1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from ws_deployment.config.gates import Action, Gate
from ws_deployment.traffic.judgement import Word

#: From the weakest to the strongest. Nothing: traffic stays as it is until the gate knows more.
STRENGTH: tuple[Literal[""] | Action, ...] = ("goOn", "", "hold", "ask", "rollback")


@dataclass
class Tally:
    """How many of each: successes and errors in a row, failures and inconclusive verdicts in all."""

    success: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0

    def count(self, word: Word) -> None:
        """Take in a verdict."""
        self.success = self.success + 1 if word == "success" else 0
        self.error = self.error + 1 if word == "error" else 0
        self.failed += word == "failed"
        self.inconclusive += word == "inconclusive"

    def action(self, gate: Gate) -> Literal[""] | Action:
        """What the counts lead to; "" where no limit is reached: traffic stays as it is, and is looked at again.

        Enough successes take back what inconclusive verdicts and errors have led to, but never what failures have.
        """
        limits = gate.limits
        if self.failed >= limits.failed:
            return gate.on_failed
        if self.success >= limits.success:
            self.inconclusive = 0
            return "goOn"
        reached: list[Literal[""] | Action] = []
        if self.inconclusive >= limits.inconclusive:
            reached.append(gate.on_inconclusive)
        if self.error >= limits.error:
            reached.append(gate.on_error)
        return strongest(reached) if reached else ""

    def as_dict(self) -> dict[str, int]:
        """The four counts by their names."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, int]) -> Tally:
        """What `as_dict` told."""
        return cls(**told)


def strongest(actions: Iterable[Literal[""] | Action]) -> Literal[""] | Action:
    """The strongest of some actions: rollback, ask, hold, nothing, goOn. Of none: goOn."""
    return max(actions, key=STRENGTH.index, default="goOn")
