"""The server: listens, warms up, serves, drains."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from .calls import Calls
from .gate import Refusal
from .health import Health
from .load import LoadReport
from .options import Options
from .orca import SERVICE as ORCA_SERVICE
from .orca import orca_handler

AddToServer = Callable[[Any, Any], None]
"""The ``add_<Service>Servicer_to_server`` that grpcio-tools generates from your ``.proto``."""

Warmup = Callable[[], Awaitable[object] | object]
"""A ``def`` or ``async def`` function without arguments; what it returns is dropped."""

HEALTH_SERVICE = "grpc.health.v1.Health"
CUT_TIMEOUT_S = 0.5
FLUSH_TIMEOUT_S = 0.5
QUIET_S = 0.5
_WARMING = Refusal(grpc.StatusCode.UNAVAILABLE, "the replica is warming up")
_CUT = Refusal(grpc.StatusCode.UNAVAILABLE, "the replica is stopping and its grace is over")
_log = logging.getLogger("outrigger_sdk")


class WarmupFailed(Exception):
    """The warm-up hook raised, or took longer than ``Options.warmup_timeout_s``; its cause is attached."""


class Server:
    """One replica's server, on the running event loop.

    ``await start()``, then ``await drain()``; in between it serves. Both are meant to be called once. ``serve`` does this with
    signals around it, and is what a ``main`` wants.
    """

    def __init__(
        self,
        services: Sequence[tuple[Any, AddToServer]],
        *,
        options: Options | None = None,
        warmup: Warmup | None = None,
    ) -> None:
        """``services`` are pairs of a servicer and its generated ``add_..._to_server``."""
        self.options = options or Options()
        self.port = 0
        """The TCP port it listens on; 0 until ``listen`` has returned."""
        self._warmup = warmup
        self._calls = Calls(self.options)
        self._draining = False
        self._stopping = asyncio.Event()
        self._server = grpc.aio.server(options=_channel_options(self.options))
        mount = _Mount(self._calls)
        for servicer, add_to_server in services:
            add_to_server(servicer, mount)
        self._server.add_generic_rpc_handlers(tuple(mount.handlers))
        self._health = Health(mount.names)
        add_health: AddToServer = health_pb2_grpc.add_HealthServicer_to_server
        add_health(self._health, self._server)
        self._server.add_generic_rpc_handlers((orca_handler(self.load, self._stopping),))
        # OpenRcaService is left out: its descriptor isn't in the default pool, where reflection looks.
        reflection.enable_server_reflection([*mount.names, HEALTH_SERVICE, reflection.SERVICE_NAME], self._server)

    def load(self) -> LoadReport:
        """How busy the server is now; the same report that clients get."""
        return self._calls.meter.read()

    async def start(self) -> None:
        """``listen``, then ``warm_up``. Raises what they raise."""
        await self.listen()
        await self.warm_up()

    async def listen(self) -> None:
        """Opens the port; health answers NOT_SERVING and calls UNAVAILABLE until ``warm_up`` is done.

        Raises ``RuntimeError`` when the address can't be bound.
        """
        self._calls.refuse(_WARMING)
        self.port = self._server.add_insecure_port(f"{self.options.host}:{self.options.port}")
        await self._server.start()
        _log.info("listening: host=%s port=%d", self.options.host, self.port)

    async def warm_up(self) -> None:
        """Runs the hook, then reports SERVING. A ``def`` hook runs in a thread that will run handlers.

        Raises ``WarmupFailed``; the server then still listens and still reports NOT_SERVING.
        """
        started = time.monotonic()
        try:
            if self._warmup is not None:
                await asyncio.wait_for(self._run_warmup(self._warmup), self.options.warmup_timeout_s)
        except TimeoutError as error:
            took_s = time.monotonic() - started
            if took_s < self.options.warmup_timeout_s:
                raise WarmupFailed(f"the warm-up hook raised after {took_s:.1f} s: {error!r}") from error
            raise WarmupFailed(
                f"the warm-up hook took longer than warmup_timeout_s={self.options.warmup_timeout_s:g}"
            ) from error
        except Exception as error:
            raise WarmupFailed(f"the warm-up hook raised {error!r}") from error
        if self._draining:
            return
        self._calls.refuse(None)
        self._health.set_serving(True)
        _log.info("serving: port=%d warmup_s=%.3f", self.port, time.monotonic() - started)

    async def drain(self, grace_s: float | None = None, *, hurry: asyncio.Event | None = None) -> bool:
        """Stops: health says NOT_SERVING, calls are taken for up to ``Options.linger_s`` more while they still come, then
        connections are told to go elsewhere. What runs or waits has ``grace_s`` seconds in all (default: ``Options.grace_s``)
        to finish; what is left then is answered UNAVAILABLE. ``hurry`` ends the grace.

        Returns whether every call finished by itself. Bounded by ``grace_s`` plus 1 s.
        """
        grace_s = self.options.grace_s if grace_s is None else grace_s
        hurry = hurry or asyncio.Event()
        self._draining = True
        self._health.set_serving(False)
        _log.info("draining: running=%d queued=%d grace_s=%g", self._calls.running, self._calls.queued, grace_s)
        started = time.monotonic()
        await self._linger(min(self.options.linger_s, grace_s), hurry)
        # Ends the streams of health and load reports, which nothing else would end.
        self._stopping.set()
        self._health.close()
        rest_s = max(0.0, grace_s - (time.monotonic() - started))
        # Sends GOAWAY: clients put new calls elsewhere. Those that cross it are answered CANCELLED by gRPC's core
        # (grpc/grpc#41785), which is why clients are given time to leave before.
        stopped = asyncio.create_task(self._server.stop(rest_s + CUT_TIMEOUT_S + FLUSH_TIMEOUT_S))
        idle, hurried = asyncio.create_task(self._calls.idle()), asyncio.create_task(hurry.wait())
        await asyncio.wait([idle, hurried], timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)
        finished = idle.done()
        idle.cancel()
        hurried.cancel()
        if not finished:
            count = self._calls.cut(_CUT)
            _log.warning("cut calls at the end of the grace: calls=%d grace_s=%g", count, grace_s)
            await asyncio.wait([asyncio.create_task(self._calls.idle())], timeout=CUT_TIMEOUT_S)
        # The last answers leave the transports, and streams of the standard services end. A peer that doesn't answer any
        # more is not waited for.
        await asyncio.wait([stopped], timeout=FLUSH_TIMEOUT_S)
        await self._server.stop(None)
        await stopped
        self._calls.close()
        _log.info("stopped")
        return finished

    async def _linger(self, linger_s: float, hurry: asyncio.Event) -> None:
        end = time.monotonic() + linger_s
        while not hurry.is_set():
            wait_s = min(end - time.monotonic(), QUIET_S - self._calls.quiet_s)
            if wait_s <= 0:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(hurry.wait(), wait_s)

    @property
    def busy_threads(self) -> bool:
        """Whether a ``def`` handler still occupies a thread, which would keep the process from ending."""
        return self._calls.busy_threads

    async def _run_warmup(self, warmup: Warmup) -> None:
        if inspect.iscoroutinefunction(warmup):
            await warmup()
            return
        result = await self._calls.run_in_handler_thread(warmup)
        if inspect.isawaitable(result):
            await result


class _Mount:
    """Stands in for the server while a generated ``add_..._to_server`` runs, and puts each handler under ``Calls``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.handlers: list[grpc.GenericRpcHandler] = []
        self.names: list[str] = []

    def add_registered_method_handlers(self, service_name: str, handlers: dict[str, grpc.RpcMethodHandler[Any, Any]]) -> None:
        if service_name in self.names or service_name in (HEALTH_SERVICE, ORCA_SERVICE):
            raise ValueError(f"{service_name} is already served; give each service once")
        self.names.append(service_name)
        adopted = {name: self._calls.adopt(f"{service_name}/{name}", handler) for name, handler in handlers.items()}
        self.handlers.append(grpc.method_handlers_generic_handler(service_name, adopted))

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        # Generated code gives the same methods here a second time; the registered ones name their methods.
        pass


def _channel_options(options: Options) -> list[tuple[str, int]]:
    limit = -1 if options.max_message_bytes is None else options.max_message_bytes
    return [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", limit),
        # A second server on a taken port must fail, not share it.
        ("grpc.so_reuseport", 0),
        # A stock server answers pings more often than every 5 min with GOAWAY "too_many_pings", in the middle of long calls.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 0),
        ("grpc.http2.max_ping_strikes", 0),
    ]
