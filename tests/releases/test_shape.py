from __future__ import annotations

import pytest

from ws_deployment.releases.paths import path_of
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.shape import ListedShape, NoShape, SchemaShape
from ws_deployment.releases.values import Scalar

#: As the API server has them: references within `allOf`, keys beside a reference, quantities as schemas of their own.
COMPONENTS = {
    "Spec": {
        "type": "object",
        "properties": {
            "vars": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"allOf": [{"$ref": "#/components/schemas/Var"}], "default": {}},
            },
            "args": {"type": "array", "x-kubernetes-list-type": "atomic", "items": {"type": "string"}},
            "selector": {"$ref": "#/components/schemas/Selector", "x-kubernetes-map-type": "atomic"},
            "memory": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"},
            "surge": {"x-kubernetes-int-or-string": True},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "size": {"type": "integer"},
        },
    },
    "Var": {"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "string"}}},
    "Selector": {"type": "object", "properties": {"matchLabels": {"type": "object"}}},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string"},
}
SHAPE = SchemaShape({"type": "object", "properties": {"spec": {"$ref": "#/components/schemas/Spec"}}}, COMPONENTS)


@pytest.mark.parametrize(
    ("path", "scalar"),
    [
        ("spec.vars[name=x].value", Scalar.TEXT),
        ("spec.memory", Scalar.QUANTITY),
        ("spec.surge", Scalar.QUANTITY),
        ("spec.labels.any", Scalar.TEXT),
        ("spec.size", Scalar.OTHER),
        ("spec.free.a.b", Scalar.UNKNOWN),
        ("spec.nowhere", Scalar.UNKNOWN),
    ],
)
def test_what_a_value_is(path: str, scalar: Scalar) -> None:
    assert SHAPE.scalar(path_of(path)) is scalar


def test_which_lists_have_keys_and_which_mappings_are_one_value() -> None:
    assert SHAPE.list_keys(path_of("spec.vars")) == ("name",)
    assert SHAPE.list_keys(path_of("spec.args")) == ()
    assert SHAPE.is_one_value(path_of("spec.selector"))
    assert not SHAPE.is_one_value(path_of("spec.labels"))


def test_a_release_adds_keys_of_its_own() -> None:
    shape = ListedShape(SHAPE, [(Pattern.of("spec.args"), ("path",)), (Pattern.of("spec.vars"), ("name", "value"))])
    assert shape.list_keys(path_of("spec.args")) == ("path",)
    assert shape.list_keys(path_of("spec.vars")) == ("name", "value")
    assert shape.is_one_value(path_of("spec.selector"))
    assert shape.scalar(path_of("spec.size")) is Scalar.OTHER
    assert ListedShape(NoShape(), []).list_keys(path_of("spec.vars")) == ()
