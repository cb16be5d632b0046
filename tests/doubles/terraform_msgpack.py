"""MessagePack, as much of it as Terraform's values need: https://github.com/msgpack/msgpack/blob/master/spec.md

Terraform marks a value that is known after apply by extension 0 (https://github.com/zclconf/go-cty, docs/types.md).
"""

from __future__ import annotations

import struct
from typing import Any


class Unknown:
    """A value that is known after apply."""


UNKNOWN = Unknown()


def pack(value: Any) -> bytes:
    """Encode JSON values and unknown ones."""
    match value:
        case Unknown():
            packed = b"\xd4\x00\x00"
        case None | bool():
            packed = {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
        case int():
            packed = struct.pack(">Bq", 0xD3, value)
        case float():
            packed = struct.pack(">Bd", 0xCB, value)
        case str():
            packed = struct.pack(">BI", 0xDB, len(value.encode())) + value.encode()
        case list():
            packed = struct.pack(">BI", 0xDD, len(value)) + b"".join(map(pack, value))
        case dict():
            items = b"".join(pack(key) + pack(inner) for key, inner in value.items())
            packed = struct.pack(">BI", 0xDF, len(value)) + items
        case _:
            raise TypeError(type(value))
    return packed


def unpack(data: bytes) -> Any:
    """Decode what Terraform sends."""
    value, rest = _unpack(data)
    assert not rest
    return value


_FIXED: dict[int, str] = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_SIZED: dict[int, tuple[str, str]] = {
    0xC4: (">B", "bin"), 0xC5: (">H", "bin"), 0xC6: (">I", "bin"), 0xC7: (">B", "ext"), 0xC8: (">H", "ext"),
    0xD9: (">B", "str"), 0xDA: (">H", "str"), 0xDB: (">I", "str"),
    0xDC: (">H", "array"), 0xDD: (">I", "array"), 0xDE: (">H", "map"), 0xDF: (">I", "map"),
}  # fmt: skip
_WORDS = {0xC0: None, 0xC2: False, 0xC3: True}


def _unpack(data: bytes) -> tuple[Any, bytes]:
    tag, rest = data[0], data[1:]
    if tag in _WORDS:
        return _WORDS[tag], rest
    if tag <= 0x7F or tag >= 0xE0:
        return (tag if tag <= 0x7F else tag - 0x100), rest
    if tag in _FIXED:
        size = struct.calcsize(_FIXED[tag])
        return struct.unpack(_FIXED[tag], rest[:size])[0], rest[size:]
    if 0xD4 <= tag <= 0xD8:
        return UNKNOWN, rest[1 + (1 << (tag - 0xD4)) :]
    if tag in _SIZED:
        form, kind = _SIZED[tag]
        size = struct.calcsize(form)
        return _container(kind, struct.unpack(form, rest[:size])[0], rest[size:])
    kind = "map" if tag <= 0x8F else "array" if tag <= 0x9F else "str"
    return _container(kind, tag & (0x1F if kind == "str" else 0x0F), rest)


def _container(kind: str, length: int, data: bytes) -> tuple[Any, bytes]:
    if kind == "str":
        return data[:length].decode(), data[length:]
    if kind == "bin":
        return data[:length], data[length:]
    if kind == "ext":
        return UNKNOWN, data[1 + length :]
    items = []
    for _ in range(length * 2 if kind == "map" else length):
        item, data = _unpack(data)
        items.append(item)
    return (dict(zip(items[::2], items[1::2], strict=True)) if kind == "map" else items), data
