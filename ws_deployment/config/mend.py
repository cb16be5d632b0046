"""Mends YAML that can't be parsed, so that one syntax fault doesn't hide the rest. Guesses; the parser judges.

Each guess keeps the number of lines, and tells by how many columns it moved which lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import yaml

from ws_deployment.config.compose import events
from ws_deployment.config.faults import Fault, Mark
from ws_deployment.config.source import Source

#: Syntax faults that are told of one file; whoever has more mends these first.
MOST = 20

_KEY = re.compile(r"""^(?P<indent>[ ]*(?:- +)*)(?P<key>[^\s#'"\[\]{}][^:#]*?|"[^"]*"|'[^']*')\s*:(?:\s|$)""")
_SECTION = re.compile(r"""^[^\s#\-\[\]{}][^:]*""")


@dataclass(frozen=True)
class Mended:
    """The lines that can be parsed, with what was told on the way.

    `shifts`: by how many columns a line was moved to the left. `lost`: lines that had to be left out.
    """

    lines: tuple[str, ...]
    shifts: dict[int, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    lost: frozenset[int] = frozenset()


@dataclass(frozen=True)
class _Trouble:
    """A parser's error: line and column (from 1) of the problem and of the context it stands in (0 without one)."""

    problem: str
    line: int
    column: int
    context_line: int
    context_column: int

    @classmethod
    def of(cls, error: yaml.MarkedYAMLError) -> _Trouble:
        mark, context = error.problem_mark, error.context_mark
        return cls(
            error.problem or str(error),
            mark.line + 1 if mark else 1,
            mark.column + 1 if mark else 1,
            context.line + 1 if context else 0,
            context.column + 1 if context else 0,
        )


@dataclass(frozen=True)
class _Guess:
    """A way to mend: lines to replace (by number), their shift, and how the fault is told."""

    lines: dict[int, str]
    line: int
    column: int
    length: int
    message: str
    remedy: str
    shift: int = 0


def mend(source: Source) -> Mended:
    """The lines of `source`, mended where they must be."""
    state = Mended(tuple(source.lines))
    for _ in range(MOST):
        trouble = _trouble(state.lines)
        if trouble is None:
            return state
        state = _better(source, state, trouble)
    return replace(state, lines=(), lost=frozenset(range(1, len(source.lines) + 1))) if _trouble(state.lines) else state


def _trouble(lines: tuple[str, ...]) -> _Trouble | None:
    try:
        for _ in events("\n".join(lines)):
            pass
    except yaml.MarkedYAMLError as error:
        return _Trouble.of(error)
    return None


def _better(source: Source, state: Mended, trouble: _Trouble) -> Mended:
    for guess in _guesses(state.lines, trouble):
        lines = tuple(guess.lines.get(number, line) for number, line in enumerate(state.lines, 1))
        after = _trouble(lines)
        if after is None or after.line > max(guess.lines):
            return _apply(source, state, guess, lines)
    return _without_section(source, state, trouble)


def _apply(source: Source, state: Mended, guess: _Guess, lines: tuple[str, ...]) -> Mended:
    column = guess.column + state.shifts.get(guess.line, 0)
    fault = Fault(guess.message, guess.remedy, Mark(source.path, guess.line, column, source), guess.length)
    shifts = dict(state.shifts)
    if guess.shift:
        shifts |= {number: shifts.get(number, 0) + guess.shift for number in guess.lines}
    return replace(state, lines=lines, shifts=shifts, faults=(*state.faults, fault))


def _without_section(source: Source, state: Mended, trouble: _Trouble) -> Mended:
    """Leave out the part of the document, from one key of the first level to the next, that holds the trouble."""
    number = min(trouble.line, len(state.lines))
    while number > 1 and not state.lines[number - 1].strip():
        number -= 1  # the parser often notices only at the end
    first = number
    while first > 1 and not _SECTION.match(state.lines[first - 1]):
        first -= 1
    last = number
    while last < len(state.lines) and not _SECTION.match(state.lines[last]):
        last += 1
    lost = range(min(first, trouble.context_line or first), last + 1)
    lines = tuple("" if n in lost else line for n, line in enumerate(state.lines, 1))
    column = trouble.column if number == trouble.line else 1
    where = Mark(source.path, number, column + state.shifts.get(number, 0), source)
    length = max(1, len(state.lines[number - 1].rstrip()) - column + 1)
    remedy = "Mend this first: what stands around it could not be checked."
    fault = Fault(f"this is no YAML: {trouble.problem}", remedy, where, length)
    return replace(state, lines=lines, faults=(*state.faults, fault), lost=state.lost | set(lost))


def _guesses(lines: tuple[str, ...], trouble: _Trouble) -> Iterator[_Guess]:
    problem = trouble.problem
    if "mapping values are not allowed" in problem:
        yield from _moved_left(lines, trouble)
        yield from _missing_colon(lines, trouble.line - 1)
        yield from _quoted(lines, trouble.line, "a second `: ` stands in the value")
    elif "unexpected ':'" in problem:
        yield from _spaced(lines, trouble)
    elif "did not find expected key" in problem or "expected '-' indicator" in problem:
        yield from _realigned(lines, trouble)
        yield from _quoted(lines, trouble.line, "something stands behind the closing quote")
    elif "cannot start any token" in problem or "tab character" in problem:
        yield from _without_tabs(lines, trouble)
        yield from _quoted_word(lines, trouble)
        yield from _quoted(lines, trouble.line, "a value can't begin with this character")
    elif "could not find expected ':'" in problem:
        yield from _missing_colon(lines, trouble.context_line)
    elif "unexpected end of stream" in problem:
        yield from _closed(lines, trouble, lines[trouble.context_line - 1][trouble.context_column - 1], "quote")
    elif "expected ',' or ']'" in problem:
        yield from _closed(lines, trouble, "]", "bracket")
    elif "expected ',' or '}'" in problem:
        yield from _closed(lines, trouble, "}", "brace")
    else:
        yield from _quoted_word(lines, trouble)
        yield from _quoted(lines, trouble.line, problem)


def _moved_left(lines: tuple[str, ...], trouble: _Trouble) -> Iterator[_Guess]:
    """A block that is indented deeper than the key before it, though that key has a value of its own."""
    found = _KEY.match(_at(lines, trouble.line))
    before = next((n for n in range(trouble.line - 1, 0, -1) if _told(lines[n - 1])), 0)
    above = _KEY.match(_at(lines, before))
    if not found or not above:
        return
    indent, target = len(found["indent"]), len(above["indent"])
    if indent <= target or found["indent"].strip():
        return
    block = [trouble.line]
    while _indent(_at(lines, block[-1] + 1)) >= indent or (block[-1] < len(lines) and not _told(lines[block[-1]])):
        block.append(block[-1] + 1)
    while not _told(lines[block[-1] - 1]):
        block.pop()
    shift = indent - target
    and_more = f" and what follows (to line {block[-1]}) are" if len(block) > 1 else " is"
    yield _Guess(
        {n: lines[n - 1][shift:] for n in block},
        trouble.line,
        indent + 1,
        len(found["key"]),
        f"`{found['key']}`{and_more} indented too far: `{above['key']}` in line {before} has a value already",
        f"Remove {shift} space{'s' * (shift > 1)} so that `{found['key']}` stands below `{above['key']}`.",
        shift,
    )


def _realigned(lines: tuple[str, ...], trouble: _Trouble) -> Iterator[_Guess]:
    """A line whose indentation fits none of the blocks above it."""
    number = trouble.line
    text = _at(lines, number)
    indent = _indent(text)
    if indent + 1 != trouble.column:
        return
    levels = {len(key["indent"]) for line in lines[: number - 1] if (key := _KEY.match(line))}
    levels |= {_indent(line) for line in lines[: number - 1] if line.lstrip().startswith("- ")}
    word = (_KEY.match(text) or {"key": text.strip()})["key"].strip()
    for target in sorted(levels - {indent}, key=lambda level: (abs(level - indent), -level)):
        block = [number]
        while block[-1] < len(lines) and _indent(_at(lines, block[-1] + 1)) >= indent + (indent == 0):
            block.append(block[-1] + 1)
        shift = indent - target
        yield _Guess(
            {n: lines[n - 1][shift:] if shift > 0 else " " * -shift + lines[n - 1] for n in block},
            number,
            indent + 1,
            len(word),
            f"the indentation of `{word}` fits nothing above it",
            f"Indent it by {target} spaces, like the values that it belongs to.",
            shift,
        )


def _without_tabs(lines: tuple[str, ...], trouble: _Trouble) -> Iterator[_Guess]:
    text = _at(lines, trouble.line)
    space = text[: len(text) - len(text.lstrip())]
    if "\t" not in space:
        return
    for width in (2, 4, 8):
        widened = space.replace("\t", " " * width)
        yield _Guess(
            {trouble.line: widened + text.lstrip()},
            trouble.line,
            space.index("\t") + 1,
            space.count("\t"),
            "a tab stands in the indentation, which YAML does not allow",
            "Indent by spaces.",
            len(space) - len(widened),
        )


def _missing_colon(lines: tuple[str, ...], number: int) -> Iterator[_Guess]:
    text = _at(lines, number)
    stripped = text.rstrip()
    indent = len(text) - len(text.lstrip(" -"))
    glued = re.match(r"[\w.-]+:(?=[^\s:/])", stripped[indent:])
    if glued:
        end = indent + glued.end()
        message = f"a space is missing behind `{glued[0]}`"
        yield _Guess({number: f"{stripped[:end]} {stripped[end:]}"}, number, end, 1, message, "Put one there.")
    elif re.fullmatch(r"[A-Za-z][\w-]*", stripped[indent:]):
        word = stripped[indent:]
        yield _Guess(
            {number: f"{stripped}:"},
            number,
            indent + 1,
            len(word),
            f"a colon is missing behind `{word}`",
            f"Write `{word}:`.",
        )
    elif pair := re.fullmatch(r"([A-Za-z][\w-]*) +(\S+)", stripped[indent:]):
        yield _Guess(
            {number: f"{stripped[:indent]}{pair[1]}: {pair[2]}"},
            number,
            indent + 1,
            len(pair[1]),
            f"a colon is missing behind `{pair[1]}`",
            f"Write `{pair[1]}: …`.",
        )


def _quoted(lines: tuple[str, ...], number: int, why: str) -> Iterator[_Guess]:
    """Take the whole value of a line as a text."""
    text = _at(lines, number).rstrip()
    found = _KEY.match(text)
    start = found.end() if found else len(text) - len(text.lstrip(" -"))
    value = text[start:].strip()
    if not value:
        return
    start = text.index(value, start)
    yield _Guess(
        {number: text[:start] + "'" + value.replace("'", "''") + "'"},
        number,
        start + 1,
        len(value),
        why,
        "Put the value between quotes.",
    )


def _quoted_word(lines: tuple[str, ...], trouble: _Trouble) -> Iterator[_Guess]:
    """Take one word between braces or brackets as a text."""
    number, start = trouble.context_line, trouble.context_column - 1
    text = _at(lines, number)
    word = (
        re.match(r"[^\s,\]}'\"][^,\]}'\"]*", text[start:]) if start >= 0 and re.search(r"[\[{]", text[:start]) else None
    )
    if word:
        value = word[0].rstrip()
        yield _Guess(
            {number: f"{text[:start]}'{value}'{text[start + len(value) :]}"},
            number,
            start + 1,
            len(value),
            f"a value can't begin with `{value[0]}`",
            f"Quote it: '{value}'.",
        )


def _spaced(lines: tuple[str, ...], trouble: _Trouble) -> Iterator[_Guess]:
    """A key between braces whose colon nothing follows."""
    for end in (trouble.column, trouble.column - 1):
        text = _at(lines, trouble.line)
        if 0 < end <= len(text) and text[end - 1] == ":":
            message = "a space is missing behind the colon"
            mended = {trouble.line: f"{text[:end]} {text[end:]}"}
            yield _Guess(mended, trouble.line, end, 1, message, "Put one there.")


def _closed(lines: tuple[str, ...], trouble: _Trouble, closing: str, what: str) -> Iterator[_Guess]:
    number = trouble.context_line
    text = re.sub(r"\s+#.*$", "", _at(lines, number)).rstrip()
    message = f"the {what} that is opened here is never closed"
    remedy = f"Close it by `{closing}`."
    yield _Guess({number: text + closing}, number, trouble.context_column, 1, message, remedy)


def _told(line: str) -> bool:
    """Whether a line says something: it is neither empty nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _indent(line: str) -> int:
    """Spaces before the first word; -1 for a line that says nothing."""
    return len(line) - len(line.lstrip(" ")) if _told(line) else -1


def _at(lines: tuple[str, ...], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""
