"""What the command line decides about a config for one run: versions from a manifest, one ref for all git sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ws_deployment.config.v1 import ConfigV1, Versions
from ws_deployment.errors import UsageError

_REF = re.compile(r"(\?ref=[^&]*)?$")


def with_versions(config: ConfigV1, manifest: Path) -> ConfigV1:
    """`config` with the chart and image versions of `manifest` (YAML: charts, images) over its own.

    Raises UsageError for a manifest that can't be read.
    """
    try:
        read = yaml.safe_load(manifest.read_text(encoding="utf-8")) or {}
        given = Versions.model_validate(read)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UsageError("reading the versions manifest", on=str(manifest), why=why) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(
            "reading the versions manifest",
            on=str(manifest),
            why=f"{where}: {first['msg']}",
            remedy="It holds `charts:` and `images:`, each a mapping of release name to version.",
        ) from error
    merged = Versions(
        charts={**config.versions.charts, **given.charts}, images={**config.versions.images, **given.images}
    )
    return config.model_copy(update={"versions": merged})


def with_source_ref(config: ConfigV1, ref: str) -> ConfigV1:
    """`config` with every git source (module, values files, charts) at `ref`, a commit or another ref.

    Raises UsageError where the config names no git source: there is nothing to pin.
    """
    before = config.model_dump(by_alias=True, exclude_unset=True)
    after = _pinned(before, ref)
    if after == before:
        raise UsageError(
            "pinning to",
            on=ref,
            why="no git source in the config is at another ref",
            remedy="--source-ref is for sources like git::https://github.com/acme/operations.git//terraform/gke",
        )
    return ConfigV1.model_validate(after)


def _pinned(value: Any, ref: str) -> Any:
    if isinstance(value, str) and value.startswith("git::"):
        return _REF.sub(f"?ref={ref}", value, count=1)
    if isinstance(value, dict):
        return {key: _pinned(inner, ref) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_pinned(inner, ref) for inner in value]
    return value
