"""Merging of Helm values as Helm itself merges values files. Reading files is not done here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge_values(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """One tree of values; a later layer wins. Maps are merged, lists and everything else replaced.

    A null stays: Helm takes it as the wish to drop the chart's own default
    (https://helm.sh/docs/chart_template_guide/values_files/#deleting-a-default-key).
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                merged[key] = merge_values(old, value)
            else:
                merged[key] = merge_values(value) if isinstance(value, Mapping) else value
    return merged
