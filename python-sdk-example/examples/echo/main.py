"""Serves ``Echo``."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

from echo import echo_pb2, echo_pb2_grpc
from outrigger_sdk import serve

REPLICA = os.environ.get("OUTRIGGER_REPLICA_ID") or socket.gethostname()


class Echo(echo_pb2_grpc.EchoServicer):
    """``async def``, because nothing here computes: many calls at a time on one thread."""

    async def Echo(self, request: echo_pb2.EchoRequest, context: Any) -> echo_pb2.EchoResponse:
        if request.delay_ms:
            await asyncio.sleep(request.delay_ms / 1000)
        return echo_pb2.EchoResponse(payload=request.payload, replica=REPLICA)

    async def Stream(self, request: echo_pb2.StreamRequest, context: Any) -> AsyncIterator[echo_pb2.StreamResponse]:
        payload = bytes(request.size_bytes)
        index = 0
        while request.count == 0 or index < request.count:
            if request.interval_ms:
                await asyncio.sleep(request.interval_ms / 1000)
            yield echo_pb2.StreamResponse(index=index, payload=payload, replica=REPLICA)
            index += 1


def main() -> None:
    serve(Echo(), echo_pb2_grpc.add_EchoServicer_to_server, concurrency=1000, queue=1000)


if __name__ == "__main__":
    main()
