"""A service of all four kinds of calls, on plain bytes, written as generated code would be, and ways to run and reach it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any

import grpc

from outrigger_sdk import Options, Server

DEADLINE_S = 10.0
SERVICE = "outrigger.test.Lab"


class Lab:
    """Tests override what they need."""

    def Unary(self, request: bytes, context: Any) -> Any:
        return request

    def Stream(self, request: bytes, context: Any) -> Any:
        raise NotImplementedError

    def Collect(self, requests: Any, context: Any) -> Any:
        raise NotImplementedError

    def Chat(self, requests: Any, context: Any) -> Any:
        raise NotImplementedError


def add_lab_to_server(servicer: Lab, server: Any) -> None:
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Unary": grpc.unary_unary_rpc_method_handler(servicer.Unary),
        "Stream": grpc.unary_stream_rpc_method_handler(servicer.Stream),
        "Collect": grpc.stream_unary_rpc_method_handler(servicer.Collect),
        "Chat": grpc.stream_stream_rpc_method_handler(servicer.Chat),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)


class LabStub:
    """What a generated stub is to a generated service."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.unary: Any = channel.unary_unary(f"/{SERVICE}/Unary")
        self.stream: Any = channel.unary_stream(f"/{SERVICE}/Stream")
        self.collect: Any = channel.stream_unary(f"/{SERVICE}/Collect")
        self.chat: Any = channel.stream_stream(f"/{SERVICE}/Chat")


class Running:
    """A server on an event loop in a thread of its own, and a channel to it."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.target = f"127.0.0.1:{server.port}"
        self.channel = grpc.insecure_channel(
            self.target, [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        )
        self.stub = LabStub(self.channel)
        self._loop = loop

    def start(self, coroutine: Any) -> Future[Any]:
        """Runs ``coroutine`` on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Any) -> Any:
        """The same, and waits for the result."""
        return self.start(coroutine).result(DEADLINE_S)

    def counts(self) -> tuple[int, int]:
        """Calls that run and calls that wait."""
        metrics = self.server.load().named_metrics
        return int(metrics["running"]), int(metrics["queued"])

    def wait_for_counts(self, running: int, queued: int) -> None:
        wait_until(lambda: self.counts() == (running, queued), lambda: f"running, queued = {self.counts()}")


@contextmanager
def served(
    servicer: Any, add: Any = add_lab_to_server, *, warmup: Any = None, start: bool = True, **options: Any
) -> Iterator[Running]:
    """Serves on a free port of loopback; with ``start=False`` it only listens, and the test warms it up."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server")
    thread.start()

    async def make() -> Server:
        chosen = Options(**{"host": "127.0.0.1", "port": 0, "linger_s": 0, **options})
        server = Server([(servicer, add)], options=chosen, warmup=warmup)
        await server.listen()
        if start:
            await server.warm_up()
        return server

    try:
        server = asyncio.run_coroutine_threadsafe(make(), loop).result(DEADLINE_S)
        running = Running(server, loop)
        try:
            yield running
        finally:
            running.channel.close()
            asyncio.run_coroutine_threadsafe(server.drain(0), loop).result(DEADLINE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)
        loop.close()


def wait_until(holds: Callable[[], bool], found: Callable[[], str] = lambda: "it never did") -> None:
    """Returns once ``holds()``; fails with what ``found()`` says after 10 s."""
    end = time.monotonic() + DEADLINE_S
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_S:g} s: {found()}")
        time.sleep(0.002)


def wait(event: threading.Event) -> None:
    """Waits for ``event``; fails after 10 s."""
    assert event.wait(DEADLINE_S), f"waited {DEADLINE_S:g} s for an event"


def status_of(call: Any) -> grpc.StatusCode:
    """The status of a unary call, however it ended."""
    wait_until(call.done)
    code: grpc.StatusCode = call.code()
    return code


def status_of_stream(call: Any) -> grpc.StatusCode:
    """The same of a response stream, whose remaining messages are read and dropped: its status comes after them."""
    with suppress(grpc.RpcError):
        for _ in call:
            pass
    return status_of(call)
