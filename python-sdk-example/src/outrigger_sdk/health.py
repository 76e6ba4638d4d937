"""``grpc.health.v1.Health``: Check, Watch and List over a few names that all share one state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

Status = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):
    """Answers for ``""`` (the server) and for each service name. Level-triggered: a watcher is sent the newest state and
    never a backlog, and a watcher that doesn't read holds nobody up (the servicer of ``grpcio-health-checking`` writes to
    its watchers under the lock that a change of state needs).
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._names = frozenset(["", *services])
        self._serving = False
        self._closed = False
        self._changed = asyncio.Event()

    def set_serving(self, serving: bool) -> None:
        """Changes the state of every name and wakes the watchers."""
        self._serving = serving
        self._wake()

    def close(self) -> None:
        """NOT_SERVING for good; watchers are told so, and their streams end."""
        self._serving = False
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _status(self) -> Any:
        return Status.SERVING if self._serving else Status.NOT_SERVING

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> health_pb2.HealthCheckResponse:
        if request.service not in self._names:
            await context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"no service {request.service!r} here; there are {sorted(self._names)}",
            )
        return Status(status=self._status())

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        # The protocol wants a name that isn't known (yet) to be watched, not refused.
        known = request.service in self._names
        sent = None
        while True:
            # Both read before the yield, which may wait long: what changes meanwhile makes another round.
            changed, closed = self._changed, self._closed
            status = self._status() if known else Status.SERVICE_UNKNOWN
            if status != sent:
                sent = status
                yield Status(status=status)
            if closed:
                return
            if changed is self._changed:
                await changed.wait()

    async def List(self, request: Any, context: Any) -> Any:
        messages: Any = health_pb2  # The stubs do not know List yet.
        return messages.HealthListResponse(statuses={name: Status(status=self._status()) for name in self._names})
