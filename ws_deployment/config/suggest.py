"""Did you mean …: the known words that are nearest to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable

#: Longer words are not compared: the comparison is quadratic, and nobody misspells so much.
_LONGEST = 80


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` most likely stands for; None where none is near.

    The same letters in another spelling (case, dashes, underscores) win; else the fewest edits, at most a third of
    the word's letters.
    """
    if len(word) > _LONGEST:
        return None
    most = max(1, len(word) // 3)
    ranked = [
        (0 if _letters(candidate) == _letters(word) else edits(word, candidate), place, candidate)
        for place, candidate in enumerate(dict.fromkeys(known))
        if abs(len(candidate) - len(word)) <= most
    ]
    distance, _, candidate = min(ranked, default=(most + 1, 0, ""))
    return candidate if distance <= most else None


def edits(one: str, other: str) -> int:
    """How many characters are to be inserted, removed, changed or swapped with their neighbour to make one of other.

    The optimal string alignment distance.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def did_you_mean(word: str, known: Iterable[str], *, what: str = "known") -> str:
    """A remedy: the nearest known word, or all of them where none is near and they are few."""
    candidates = list(dict.fromkeys(known))
    near = nearest(word, candidates)
    if near is not None:
        return f"Did you mean `{near}`?"
    return f"{what[:1].upper()}{what[1:]}: {quoted(candidates)}." if candidates else ""


def quoted(words: Iterable[str], *, most: int = 12) -> str:
    """`a`, `b` and `c`; the first `most` of them."""
    marked = [f"`{word}`" for word in words]
    if len(marked) > most:
        return ", ".join(marked[:most]) + ", …"
    if len(marked) > 1:
        return ", ".join(marked[:-1]) + f" and {marked[-1]}"
    return "".join(marked)


def _letters(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())
