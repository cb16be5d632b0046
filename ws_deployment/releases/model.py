"""The files of a release as their authors write them. What they mean together is release.py's business."""

# Annotations stand here as they are, not as texts (`from __future__ import annotations`): pydantic would compile each.
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from ws_deployment.config.model import Model, Name
from ws_deployment.releases.paths import path_of
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.versions import Range, Version

API_VERSION = "ws-deployment.dev/v1"


def _judged_by(read: Any) -> AfterValidator:
    def judge(text: str) -> str:
        read(text)
        return text

    return AfterValidator(judge)


VersionText = Annotated[str, _judged_by(Version.of)]
RangeText = Annotated[str, _judged_by(Range.of)]
PatternText = Annotated[str, _judged_by(Pattern.of)]
PathText = Annotated[str, _judged_by(path_of)]
Reason = Annotated[str, Field(min_length=1, description="Shown to the reviewer beside the change.")]
Policy = Literal["overwrite", "keep", "ask", "forbid"]


class File(Model):
    """What every file of a release begins with."""

    api_version: Literal["ws-deployment.dev/v1"] = Field(description="The version of these files.")


class Deprecation(Model):
    """That clusters should leave the release."""

    since: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="From this day on, as 2026-11-30.")
    reason: Reason


class ReleaseFile(File):
    """The release itself."""

    kind: Literal["Release"]
    version: VersionText = Field(description="As 25.1.0; compared as a version (semver.org).")
    description: str = Field(default="", description="What is new, in a line or more.")
    kubernetes: VersionText | None = Field(default=None, description="The Kubernetes version of its clusters.")
    predecessors: tuple[RangeText, ...] = Field(
        description="Releases from which it may be upgraded to: versions, or ranges such as `>=25.0.0 <25.1.0`."
    )
    deprecated: Deprecation | None = Field(default=None, description="That clusters should leave it.")


class ListKeys(Model):
    """A list whose items are told apart by keys, where the API does not say so itself."""

    path: PatternText = Field(description="The list, as `spec.kubeadmConfigSpec.files`.")
    keys: tuple[str, ...] = Field(min_length=1, description="The fields that tell its items apart.")


class ResourceFile(File):
    """Basic structure and defaults of one kind of resource.

    Texts in it may hold `${cluster}`, `${namespace}`, `${name}` (the object's own), `${release}`, `${kubernetes}`.
    """

    kind: Literal["ResourceDefaults"]
    name: Name = Field(description="By this name the same resource is found in other releases.")
    applies: Literal["once", "each"] = Field(
        default="once",
        description="`once`: every cluster has the object, under `metadata.name`. `each`: the defaults hold for every "
        "object of the kind that a cluster has.",
    )
    match_labels: dict[str, str] = Field(
        default_factory=dict, description="With `each`: only for objects that have these labels."
    )
    resource: dict[str, Any] = Field(description="The object, as it would be given to kubectl.")
    lists: tuple[ListKeys, ...] = Field(default=(), description="Lists with keys that the API does not tell.")


class FieldRule(Model):
    """What an upgrade may do to a field, and all that is below it, where the release has another value for it."""

    kind: str = Field(default="*", description="Of objects of this kind; `*` is any.")
    path: PatternText = Field(description="As `spec.version`, `spec.files[path=/etc/x].content`, `spec.pools[*].size`.")
    rule: Policy = Field(
        description="`overwrite` it, `keep` it, `ask` whoever plans, or `forbid` the change, which refuses the upgrade."
    )
    reason: Reason
    disruptive: bool | None = Field(default=None, description="Whether the change recreates nodes.")
    irreversible: bool | None = Field(default=None, description="Whether the change can't be taken back.")


class Rename(Model):
    """A field that the release has under another name; what stands there is taken along."""

    kind: str = Field(description="Of objects of this kind.")
    source: PathText = Field(alias="from", description="Where it was.")
    target: PathText = Field(alias="to", description="Where it is.")
    reason: Reason


class ObjectRule(Model):
    """What becomes of an object that the release has no more, or under another name."""

    resource: Name = Field(description="The `name` of its file.")
    rule: Literal["overwrite", "keep"] = Field(description="`overwrite` deletes the old object, `keep` leaves it.")
    reason: Reason
    disruptive: bool = Field(default=False, description="Whether that recreates nodes.")
    irreversible: bool = Field(default=False, description="Whether that can't be taken back.")


class MutableFieldsFile(File):
    """The mutable-fields definition: what an upgrade to the release may change. The most precise entry decides."""

    kind: Literal["MutableFields"]
    fields: tuple[FieldRule, ...] = ()
    renames: tuple[Rename, ...] = ()
    objects: tuple[ObjectRule, ...] = ()


MODELS: dict[str, type[File]] = {
    "Release": ReleaseFile,
    "ResourceDefaults": ResourceFile,
    "MutableFields": MutableFieldsFile,
}
