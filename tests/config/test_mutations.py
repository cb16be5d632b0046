from __future__ import annotations

import random
import string
import time
from pathlib import Path

import pytest

from ws_deployment.config.faults import render, to_json
from ws_deployment.config.loader import load

ROOT = Path(__file__).parents[2]
SEEDS = {
    "production": (ROOT / "configs/production.yaml").read_bytes(),
    "faulty": (ROOT / "tests/data/faults/indented-too-far.yaml").read_bytes(),
    "everything": (ROOT / "tests/data/everything.yaml").read_bytes(),
}
CHUNKS, PER_CHUNK = 10, 200
ALPHABET = (string.printable + "äß中\u2028\x00\x1b🙂").encode()
TOKENS = b""": |- |[|]|{|}|'|"|#|&a |*a|!!int |>|\t|---|<<: |${env:|%|@|? |\xff|1e999|.nan|0x|no|null|\r|...""".split(
    b"|"
)
KEYS = [b"region", b"prefix", b"governedBy", b"name", b"type", b"version", b"extends", b"pipeline", b"create"]


def mutate(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        data = rng.choice(MUTATORS)(data, rng)
    return data


def _byte(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.choice(ALPHABET)]) + data[at + rng.randrange(2) :]


def _token(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _cut(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(40) :]


def _lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            lines[i], lines[j] = lines[j], lines[i]
        case 1:
            lines.insert(i, lines[j])
        case 2:
            del lines[i]
        case 3:
            del lines[min(i, j) : max(i, j)]
    return b"\n".join(lines)


def _indentation(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    first = rng.randrange(len(lines))
    for i in range(first, min(len(lines), first + rng.choice([1, 1, 3, 9]))):
        lines[i] = rng.choice([b" ", b"  ", b"    ", b"\t"]) + lines[i] if rng.random() < 0.6 else lines[i][1:]
    return b"\n".join(lines)


def _key(data: bytes, rng: random.Random) -> bytes:
    return data.replace(rng.choice(KEYS), rng.choice([*KEYS, b"nmae", b"", b"password"]), rng.choice([1, -1]))


def _value(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    i = rng.randrange(len(lines))
    key, colon, _ = lines[i].partition(b": ")
    value = rng.choice(
        [b"", b"1.10", b"no", b"[1, {a: b}]", b"{}", b"~", b"2021-10-05", b"x" * 300, b"-1", b"*b", b"|"]
    )
    lines[i] = key + colon + value
    return b"\n".join(lines)


MUTATORS = [_byte, _token, _cut, _lines, _indentation, _key, _value]


@pytest.mark.parametrize("chunk", [c if c < 2 else pytest.param(c, marks=pytest.mark.real) for c in range(CHUNKS)])
def test_a_mutated_config_gives_faults_with_sane_places_and_never_a_traceback(chunk: int, tmp_path: Path) -> None:
    rng = random.Random(chunk)
    path = tmp_path / "config.yaml"
    for number in range(PER_CHUNK):
        data = mutate(SEEDS[rng.choice(list(SEEDS))], rng)
        path.write_bytes(data)
        began = time.process_time()
        try:
            document = load(path, env={"SET": "eu"})
            told = [*document.faults, *document.warnings]
            text = render(told, colour=rng.random() < 0.5)
            to_json(told)
        except Exception as error:  # noqa: BLE001  whatever is raised, the input that raised it is told
            pytest.fail(f"mutation {number} of chunk {chunk} raised {error!r}:\n{data!r}")
        assert time.process_time() - began < 2, data
        assert (document.config is None) == bool(document.faults), data
        assert len(text) < 60_000, data
        for fault in told:
            assert fault.message, data
            assert "\n" not in fault.message + fault.remedy, (fault, data)
            assert fault.length >= 1
            if fault.where:
                assert 1 <= fault.where.line <= len(fault.where.source.lines), (fault, data)
                assert 1 <= fault.where.column <= len(fault.where.source.line(fault.where.line)) + 1, (fault, data)
