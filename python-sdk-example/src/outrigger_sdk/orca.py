"""The out-of-band load reporting service, ``xds.service.orca.v3.OpenRcaService`` (cncf/xds, gRPC proposal A51)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, message_factory

from .load import LoadReport

SERVICE = "xds.service.orca.v3.OpenRcaService"
INTERVAL_MIN_S = 0.1
INTERVAL_DEFAULT_S = 1.0
INTERVAL_MAX_S = 3600.0


def orca_handler(read: Callable[[], LoadReport], stopped: asyncio.Event) -> grpc.GenericRpcHandler:
    """Serves ``StreamCoreMetrics``: one report at once, then one every requested interval, until the caller leaves or
    ``stopped`` is set. An interval of 0 or none means 1 s; shorter ones are raised to 0.1 s."""

    async def stream_core_metrics(request: Any, _context: Any) -> AsyncIterator[LoadReport]:
        interval_s = _interval_s(request)
        while not stopped.is_set():
            yield read()
            try:
                await asyncio.wait_for(stopped.wait(), interval_s)
            except TimeoutError:
                continue

    handler = grpc.unary_stream_rpc_method_handler(
        stream_core_metrics,
        request_deserializer=_request_type().FromString,
        response_serializer=LoadReport.encode,
    )
    return grpc.method_handlers_generic_handler(SERVICE, {"StreamCoreMetrics": handler})


def _interval_s(request: Any) -> float:
    asked: duration_pb2.Duration = request.report_interval
    asked_s = asked.seconds + asked.nanos / 1e9
    if asked_s <= 0:
        return INTERVAL_DEFAULT_S
    return min(INTERVAL_MAX_S, max(INTERVAL_MIN_S, asked_s))


def _request_type() -> Any:
    # In a pool of its own: the same message may also come from xds-protos, and two definitions in one pool clash.
    file = descriptor_pb2.FileDescriptorProto(
        name="outrigger_sdk/orca.proto",
        package="xds.service.orca.v3",
        syntax="proto3",
        dependency=["google/protobuf/duration.proto"],
    )
    message = file.message_type.add(name="OrcaLoadReportRequest")
    message.field.add(
        name="report_interval",
        number=1,
        type=descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
        type_name=".google.protobuf.Duration",
        label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
    )
    message.field.add(
        name="request_cost_names",
        number=2,
        type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
        label=descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(duration_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("xds.service.orca.v3.OrcaLoadReportRequest"))
