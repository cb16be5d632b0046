"""What the models of the config are made of: their base, names, references to secrets."""

# Annotations stand here as they are, not as texts (`from __future__ import annotations`): pydantic would compile each.
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ws_deployment.config.paths import LocalPath

#: A name that can be part of a host name and of a cloud resource's name (RFC 1123 label).
_NAME, _PREFIX = r"^[a-z]([-a-z0-9]*[a-z0-9])?$", r"^[a-z]([a-z0-9]*[a-z])?$"
Name = Annotated[str, Field(pattern=_NAME, max_length=63)]
#: Unique in the config; ends in a letter, because `eu1`+`17` would equal `eu`+`117`.
Prefix = Annotated[str, Field(pattern=_PREFIX, max_length=10)]
#: What each pattern asks for, and how to comply, in words.
PATTERNS = {
    _NAME: ("has to be lower-case letters, digits and dashes", "Begin with a letter, end with a letter or digit."),
    _PREFIX: (
        "has to be lower-case letters and digits, a letter first and last",
        "The cluster's id is put behind it: `eu17`.",
    ),
}


class Model(BaseModel):
    """What all parts of the config share: camelCase keys, no unknown ones, no change after loading."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Shorthand(Model):
    """A part that may be written as a text alone, which then stands for its `shorthand` key."""

    shorthand: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return {cls.shorthand: value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Allow the text in the JSON Schema too, where editors read it."""
        text = handler.resolve_ref_schema(whole := handler(core))["properties"][cls.shorthand]
        return {"anyOf": [text, whole]}


class SecretReference(Model):
    """Where a secret is to be found: exactly one of a file and an environment variable. Never the secret itself."""

    file: LocalPath | None = Field(default=None, description="Path of a file that holds the secret alone.")
    variable: str | None = Field(default=None, description="Name of an environment variable that holds the secret.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretReference":
        if (self.file is None) == (self.variable is None):
            msg = "give exactly one of `file` and `variable`"
            raise ValueError(msg)
        return self
