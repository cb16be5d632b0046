from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Preferability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NONE: _ClassVar[Preferability]
    Prefer: _ClassVar[Preferability]
    DontSchedule: _ClassVar[Preferability]

class ClusterState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN: _ClassVar[ClusterState]
    AVAILABLE: _ClassVar[ClusterState]
    CORDONED: _ClassVar[ClusterState]
    DRAINING: _ClassVar[ClusterState]
NONE: Preferability
Prefer: Preferability
DontSchedule: Preferability
UNKNOWN: ClusterState
AVAILABLE: ClusterState
CORDONED: ClusterState
DRAINING: ClusterState

class RegisterRequest(_message.Message):
    __slots__ = ("name", "url", "tls", "hints", "admission_constraints", "region")
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    ADMISSION_CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    name: str
    url: str
    tls: TlsConfig
    hints: RegistrationHints
    admission_constraints: _containers.RepeatedCompositeFieldContainer[AdmissionConstraint]
    region: str
    def __init__(self, name: _Optional[str] = ..., url: _Optional[str] = ..., tls: _Optional[_Union[TlsConfig, _Mapping]] = ..., hints: _Optional[_Union[RegistrationHints, _Mapping]] = ..., admission_constraints: _Optional[_Iterable[_Union[AdmissionConstraint, _Mapping]]] = ..., region: _Optional[str] = ...) -> None: ...

class RegisterResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RegistrationHints(_message.Message):
    __slots__ = ("perfereability", "cordoned", "govern")
    PERFEREABILITY_FIELD_NUMBER: _ClassVar[int]
    CORDONED_FIELD_NUMBER: _ClassVar[int]
    GOVERN_FIELD_NUMBER: _ClassVar[int]
    perfereability: Preferability
    cordoned: bool
    govern: bool
    def __init__(self, perfereability: _Optional[_Union[Preferability, str]] = ..., cordoned: _Optional[bool] = ..., govern: _Optional[bool] = ...) -> None: ...

class TlsConfig(_message.Message):
    __slots__ = ("ca", "crt", "key")
    CA_FIELD_NUMBER: _ClassVar[int]
    CRT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ca: str
    crt: str
    key: str
    def __init__(self, ca: _Optional[str] = ..., crt: _Optional[str] = ..., key: _Optional[str] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("name", "score", "max_score", "cordoned", "admission_constraint", "tls")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_FIELD_NUMBER: _ClassVar[int]
    CORDONED_FIELD_NUMBER: _ClassVar[int]
    ADMISSION_CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    name: str
    score: int
    max_score: int
    cordoned: bool
    admission_constraint: ModifyAdmissionConstraint
    tls: TlsConfig
    def __init__(self, name: _Optional[str] = ..., score: _Optional[int] = ..., max_score: _Optional[int] = ..., cordoned: _Optional[bool] = ..., admission_constraint: _Optional[_Union[ModifyAdmissionConstraint, _Mapping]] = ..., tls: _Optional[_Union[TlsConfig, _Mapping]] = ...) -> None: ...

class UpdateResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ModifyAdmissionConstraint(_message.Message):
    __slots__ = ("add", "constraint")
    ADD_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    add: bool
    constraint: AdmissionConstraint
    def __init__(self, add: _Optional[bool] = ..., constraint: _Optional[_Union[AdmissionConstraint, _Mapping]] = ...) -> None: ...

class AdmissionConstraint(_message.Message):
    __slots__ = ("has_feature_preview", "has_permission", "has_user_level")
    class FeaturePreview(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class HasPermission(_message.Message):
        __slots__ = ("permission",)
        PERMISSION_FIELD_NUMBER: _ClassVar[int]
        permission: str
        def __init__(self, permission: _Optional[str] = ...) -> None: ...
    HAS_FEATURE_PREVIEW_FIELD_NUMBER: _ClassVar[int]
    HAS_PERMISSION_FIELD_NUMBER: _ClassVar[int]
    HAS_USER_LEVEL_FIELD_NUMBER: _ClassVar[int]
    has_feature_preview: AdmissionConstraint.FeaturePreview
    has_permission: AdmissionConstraint.HasPermission
    has_user_level: str
    def __init__(self, has_feature_preview: _Optional[_Union[AdmissionConstraint.FeaturePreview, _Mapping]] = ..., has_permission: _Optional[_Union[AdmissionConstraint.HasPermission, _Mapping]] = ..., has_user_level: _Optional[str] = ...) -> None: ...

class DeregisterRequest(_message.Message):
    __slots__ = ("name", "force")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    force: bool
    def __init__(self, name: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class DeregisterResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _containers.RepeatedCompositeFieldContainer[ClusterStatus]
    def __init__(self, status: _Optional[_Iterable[_Union[ClusterStatus, _Mapping]]] = ...) -> None: ...

class ClusterStatus(_message.Message):
    __slots__ = ("name", "url", "state", "score", "max_score", "governed", "admission_constraint", "static", "region")
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_FIELD_NUMBER: _ClassVar[int]
    GOVERNED_FIELD_NUMBER: _ClassVar[int]
    ADMISSION_CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    STATIC_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    name: str
    url: str
    state: ClusterState
    score: int
    max_score: int
    governed: bool
    admission_constraint: _containers.RepeatedCompositeFieldContainer[AdmissionConstraint]
    static: bool
    region: str
    def __init__(self, name: _Optional[str] = ..., url: _Optional[str] = ..., state: _Optional[_Union[ClusterState, str]] = ..., score: _Optional[int] = ..., max_score: _Optional[int] = ..., governed: _Optional[bool] = ..., admission_constraint: _Optional[_Iterable[_Union[AdmissionConstraint, _Mapping]]] = ..., static: _Optional[bool] = ..., region: _Optional[str] = ...) -> None: ...
