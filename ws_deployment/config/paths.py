"""Paths in a config are relative to the file that they are written in, also when another file extends it.

Texts keep their folder on the way to the models, where a field that is a path is annotated `LocalPath`. Which texts
under `with:` are paths only the step knows: they are relative to the config that is run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_PATH_LIKE = re.compile(r"^(?:\.{1,2}(?:/|$)|~|/)")


class WrittenText(str):
    """A text of a config that knows the folder of the file it stands in."""

    __slots__ = ("folder",)
    folder: Path

    @classmethod
    def of(cls, text: str, folder: Path) -> WrittenText:
        """`text` as it stands in a file in `folder`."""
        written = cls(text)
        written.folder = folder
        return written


def beside_its_file(value: Any) -> Any:
    """The absolute path of a text of a config; `~` is the home folder. Anything else is handed on unchanged."""
    if not isinstance(value, WrittenText):
        return value
    try:
        return str(value.folder.absolute() / Path(str(value)).expanduser())
    except RuntimeError:  # no home folder is known
        return str(value)


def beside_its_file_if_path(value: Any) -> Any:
    """As `beside_its_file`, for texts that begin as paths do (`./`, `../`, `~`, `/`); others are something else."""
    return beside_its_file(value) if isinstance(value, str) and _PATH_LIKE.match(value) else value


def without_folder(value: Any) -> Any:
    """A value of any kind with its texts as ordinary ones."""
    if isinstance(value, WrittenText):
        return str(value)
    if isinstance(value, dict):
        return {key: without_folder(one) for key, one in value.items()}
    return [without_folder(one) for one in value] if isinstance(value, list) else value


#: A value that only its reader knows the meaning of.
AnyValue = Annotated[Any, BeforeValidator(without_folder)]
#: A path, absolute after loading.
LocalPath = Annotated[str, BeforeValidator(beside_its_file), Field(json_schema_extra={"format": "path"})]
#: A path where it begins as one (`./module`), else a name or URL.
PathOrName = Annotated[str, BeforeValidator(beside_its_file_if_path)]
