"""Runs the handlers of the user's services: admission, threads, cancellation, errors and trailers of each call."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc

from .gate import Gate, Refusal
from .handler_thread import Failed, Method, log_late, run_in_thread
from .load import TRAILER, LoadMeter
from .options import ASYNC_CONCURRENCY, Options
from .sync_context import CallAborted, CallEnded, SyncContext

PUSHBACK = "grpc-retry-pushback-ms"
"""Trailing metadata key that gRPC's retry policy obeys (gRPC proposal A6)."""

FAULTS = frozenset(
    [
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNIMPLEMENTED,
    ]
)
"""Statuses that count as errors in load reports: the others blame the call, not the server."""

Context = grpc.aio.ServicerContext[Any, Any]
_log = logging.getLogger("outrigger_sdk")


class Calls:
    """All calls of one server. Lives on one event loop.

    A ``def`` handler runs from its first line to its last in **one** worker thread, generators included, so that what is
    bound to a thread (``torch.inference_mode()``, a CUDA context) holds for the whole call. There are as many threads as slots.
    """

    def __init__(self, options: Options) -> None:
        serial = Gate(limit=options.concurrency or 1, queue=options.queue)
        self._sync_gate = serial
        self._async_gate = serial if options.concurrency is not None else Gate(limit=ASYNC_CONCURRENCY, queue=options.queue)
        self._threads = ThreadPoolExecutor(serial.limit, thread_name_prefix="handler")
        self._gates: list[Gate] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._present = 0
        self._cut: Refusal | None = None
        self._refusal: Refusal | None = None
        self._last_arrival = -math.inf
        self.meter = LoadMeter(self)

    # CallLoad

    @property
    def running(self) -> int:
        return sum(gate.running for gate in self._gates)

    @property
    def queued(self) -> int:
        return sum(gate.queued for gate in self._gates)

    @property
    def utilization(self) -> float:
        return max(((gate.running + gate.queued) / gate.limit for gate in self._gates), default=0.0)

    @property
    def concurrency(self) -> int:
        return sum(gate.limit for gate in self._gates)

    @property
    def queue(self) -> int:
        return sum(gate.queue for gate in self._gates)

    # What the server does with them.

    def adopt(self, path: str, handler: grpc.RpcMethodHandler[Any, Any]) -> Any:
        """Returns ``handler`` with everything this class does put around its function."""
        function: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        method = Method(
            path=path,
            function=function,
            request_streaming=handler.request_streaming,
            response_streaming=handler.response_streaming,
            is_async=inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function),
        )
        gate = self._async_gate if method.is_async else self._sync_gate
        if gate not in self._gates:
            gate.close(self._refusal) if self._refusal else gate.open()
            self._gates.append(gate)

        async def run(request: Any, context: Context) -> Any:
            return await self._run(method, gate, request, context)

        wrap: Any = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[method.request_streaming, method.response_streaming]
        return wrap(run, handler.request_deserializer, handler.response_serializer)

    def refuse(self, refusal: Refusal | None) -> None:
        """Answers new calls with ``refusal``; with ``None``, takes them again."""
        self._refusal = refusal
        for gate in self._gates:
            gate.close(refusal) if refusal else gate.open()

    async def idle(self) -> None:
        """Returns once no call runs, waits, or has its answer on the way. Unbounded: the caller sets the deadline."""
        await self._idle.wait()

    def cut(self, refusal: Refusal) -> int:
        """Ends every call that runs or waits with ``refusal``; returns how many there were.

        A ``def`` handler can't be stopped from outside: its caller is answered, its thread goes on (see ``busy_threads``).
        """
        present = self._present
        self._cut = refusal
        for gate in self._gates:
            gate.close(refusal)
            gate.refuse_waiting(refusal)
        for task in tuple(self._tasks):
            task.cancel()
        return present

    @property
    def quiet_s(self) -> float:
        """Seconds since the last call came."""
        return time.monotonic() - self._last_arrival

    @property
    def busy_threads(self) -> bool:
        """Whether a ``def`` handler still occupies its thread."""
        return any(gate.running for gate in self._gates)

    async def run_in_handler_thread(self, function: Callable[[], object]) -> object:
        """Runs ``function`` in a thread that will run handlers (for the warm-up hook)."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def close(self) -> None:
        """Lets the worker threads go when they are done."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # One call.

    async def _run(self, method: Method, gate: Gate, request: Any, context: Context) -> Any:
        self._present += 1
        self._last_arrival = time.monotonic()
        self.meter.count_received()
        self._idle.clear()
        # Called after the status was handed to the transport; the end of this coroutine comes before the response is sent.
        depart: Any = self._depart
        context.add_done_callback(depart)
        try:
            refusal = await gate.enter(_time_remaining_s(context))
            if refusal is not None:
                await self._refuse(context, refusal)
            return await self._handle(method, gate, request, context)
        except asyncio.CancelledError:
            if self._cut is not None and not context.cancelled():
                await self._refuse(context, self._cut)
            raise

    def _depart(self, _: object) -> None:
        self._present -= 1
        if self._present == 0:
            self._idle.set()

    async def _handle(self, method: Method, gate: Gate, request: Any, context: Context) -> Any:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if method.is_async:
                response = await self._handle_async(method, gate, request, context)
            else:
                response = await self._handle_sync(method, gate, request, context)
        except CallAborted as abort:
            self.meter.count(failed=abort.code in FAULTS)
            await context.abort(abort.code, abort.details, self._with_report(abort.trailing))
        except grpc.aio.AbortError:
            self.meter.count(failed=context.code() in FAULTS)
            raise
        except (CallEnded, asyncio.CancelledError):
            # Its caller is gone, or the grace is over: no fault of the handler.
            self.meter.count(failed=False)
            raise asyncio.CancelledError from None
        except Exception as error:
            _log.exception("handler failed: method=%s", method.path)
            self.meter.count(failed=True)
            await context.abort(
                grpc.StatusCode.UNKNOWN,
                f"{method.path} failed with {type(error).__name__}; the log of the replica has the rest",
                self._with_report(context.trailing_metadata()),
            )
        else:
            self.meter.count(failed=context.code() in FAULTS)
            context.set_trailing_metadata(self._with_report(context.trailing_metadata()))
            return response
        finally:
            self._tasks.discard(task)

    async def _handle_async(self, method: Method, gate: Gate, request: Any, context: Context) -> Any:
        started = time.monotonic()
        try:
            result = method.function(request, context)
            if not inspect.isasyncgen(result):
                return await result
            try:
                async for response in result:
                    await context.write(response)
            finally:
                await result.aclose()
            return None
        finally:
            gate.leave(time.monotonic() - started)

    async def _handle_sync(self, method: Method, gate: Gate, request: Any, context: Context) -> Any:
        loop = asyncio.get_running_loop()
        sync_context = SyncContext(context, loop)
        if method.request_streaming:
            request = sync_context.requests(request)
        started = time.monotonic()
        work = loop.run_in_executor(self._threads, run_in_thread, method, request, sync_context)
        # The slot is the thread's, not the caller's: it is free when the thread is, whatever became of the call.
        work.add_done_callback(lambda _: gate.leave(time.monotonic() - started))
        try:
            outcome = await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(lambda done: log_late(method, done))
            raise
        finally:
            for callback in sync_context.end():
                loop.run_in_executor(None, callback)
        if isinstance(outcome, Failed):
            raise outcome.error
        return outcome.response

    async def _refuse(self, context: Context, refusal: Refusal) -> NoReturn:
        self.meter.count_refused()
        trailing = self._with_report(())
        if refusal.pushback_ms is not None:
            trailing = (*trailing, (PUSHBACK, str(refusal.pushback_ms)))
        await context.abort(refusal.code, refusal.details, trailing)
        raise AssertionError("abort returns")

    def _with_report(self, trailing: Iterable[Any] | None) -> tuple[Any, ...]:
        return (*(trailing or ()), (TRAILER, self.meter.read().encode()))


def _time_remaining_s(context: Context) -> float | None:
    remaining: float | None = context.time_remaining()
    return remaining
