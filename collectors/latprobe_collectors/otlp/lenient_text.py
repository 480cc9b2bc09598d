"""Requests whose text is not UTF-8: read with the text as bytes, and repaired.

Protobuf refuses a message for one bad byte in one string, and with it every good span beside it.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_FILES = (common_pb2, resource_pb2, trace_pb2, trace_service_pb2)
_Field = descriptor_pb2.FieldDescriptorProto


def _request_of_bytes() -> type[message.Message]:
    """ExportTraceServiceRequest with every string field declared as bytes."""
    pool = descriptor_pool.DescriptorPool()
    for module in _FILES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for declared in file.message_type:
            _text_to_bytes(declared)
        pool.Add(file)
    name = trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _text_to_bytes(declared: descriptor_pb2.DescriptorProto) -> None:
    for field in declared.field:
        if field.type == _Field.TYPE_STRING:
            field.type = _Field.TYPE_BYTES
    for nested in declared.nested_type:
        _text_to_bytes(nested)


_RequestOfBytes = _request_of_bytes()


def repair(body: bytes) -> bytes:
    """The same request with U+FFFD for what is not UTF-8. Raises DecodeError for no request."""
    request = _RequestOfBytes.FromString(body)
    _repair_message(request)
    return request.SerializeToString()


def _repair_message(found: Any) -> None:
    for field, value in found.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in value if field.is_repeated else (value,):
                _repair_message(part)
        elif field.type == field.TYPE_BYTES and _is_text(field):
            if field.is_repeated:
                value[:] = [_as_utf8(part) for part in value]
            else:
                setattr(found, field.name, _as_utf8(value))


def _is_text(field: Any) -> bool:
    """Whether the field is a string in the real protocol."""
    return (field.containing_type.full_name, field.name) not in _REAL_BYTES


_REAL_BYTES = {
    ("opentelemetry.proto.common.v1.AnyValue", "bytes_value"),
    *(
        (f"opentelemetry.proto.trace.v1.{owner}", name)
        for owner in ("Span", "Span.Link")
        for name in ("trace_id", "span_id", "parent_span_id")
    ),
}


def _as_utf8(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()
