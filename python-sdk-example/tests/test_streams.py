"""Streams in both directions: flow control, cancellation, order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from lab import DEADLINE_S, Lab, served, status_of, status_of_stream, wait

MESSAGE_BYTES = 64 << 10
# What the transports of both sides may hold: flow-control windows and write buffers, generously.
UNREAD_MAX = (16 << 20) // MESSAGE_BYTES


class SyncStreams(Lab):
    def __init__(self) -> None:
        self.produced = 0
        self.closed = threading.Event()

    def Stream(self, request: bytes, context: Any) -> Iterator[bytes]:
        try:
            while True:
                self.produced += 1
                yield bytes(MESSAGE_BYTES)
        finally:
            self.closed.set()

    def Collect(self, requests: Iterator[bytes], context: Any) -> bytes:
        return b"+".join(requests)

    def Chat(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for request in requests:
            yield request.upper()


class AsyncStreams(Lab):
    def __init__(self) -> None:
        self.produced = 0
        self.closed = threading.Event()

    async def Stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                self.produced += 1
                yield bytes(MESSAGE_BYTES)
        finally:
            self.closed.set()

    async def Collect(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        return b"+".join([request async for request in requests])

    async def Chat(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request.upper()


class WritingStreams(Lab):
    """The other form of an async handler: it writes to the context and yields nothing."""

    def __init__(self) -> None:
        self.produced = 0
        self.closed = threading.Event()

    async def Stream(self, request: bytes, context: Any) -> None:
        try:
            while True:
                self.produced += 1
                await context.write(bytes(MESSAGE_BYTES))
        finally:
            self.closed.set()

    async def Collect(self, requests: Any, context: Any) -> bytes:
        parts = []
        while (message := await context.read()) is not grpc.aio.EOF:
            parts.append(message)
        return b"+".join(parts)

    async def Chat(self, requests: Any, context: Any) -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            await context.write(message.upper())


KINDS = pytest.mark.parametrize("kind", [SyncStreams, AsyncStreams, WritingStreams])
Kind = type[SyncStreams] | type[AsyncStreams] | type[WritingStreams]


@KINDS
def test_a_stream_is_not_produced_faster_than_it_is_read(kind: Kind) -> None:
    streams = kind()
    with served(streams) as running:
        stream = running.stub.stream(b"")
        # 512 messages of 64 KiB read, one by one; a producer that runs ahead would be thousands ahead by then.
        for read in range(1, 513):
            assert len(next(stream)) == MESSAGE_BYTES
            assert streams.produced <= read + UNREAD_MAX
        stream.cancel()


@KINDS
def test_a_cancelled_stream_ends_its_handler_and_frees_the_slot(kind: Kind) -> None:
    streams = kind()
    with served(streams, concurrency=1) as running:
        stream = running.stub.stream(b"")
        next(stream)
        stream.cancel()
        wait(streams.closed)
        running.wait_for_counts(0, 0)
        assert running.stub.unary(b"next", timeout=DEADLINE_S) == b"next"


@KINDS
def test_a_stream_past_its_deadline_ends_its_handler(kind: Kind) -> None:
    streams = kind()
    with served(streams) as running:
        stream = running.stub.stream(b"", timeout=0.1)
        # Nothing is read: the handler stands in a write for want of a window.
        wait(streams.closed)
        assert status_of_stream(stream) is grpc.StatusCode.DEADLINE_EXCEEDED
        running.wait_for_counts(0, 0)


@KINDS
def test_requests_stream_in(kind: Kind) -> None:
    with served(kind()) as running:
        assert running.stub.collect(iter([b"a", b"b", b"c"]), timeout=DEADLINE_S) == b"a+b+c"


@KINDS
def test_both_directions_alternate(kind: Kind) -> None:
    answered = threading.Semaphore(0)

    def requests() -> Iterator[bytes]:
        for request in (b"a", b"b", b"c"):
            yield request
            # The next request waits for the answer to the last: neither side may wait for the other's end.
            assert answered.acquire(timeout=DEADLINE_S)

    with served(kind()) as running:
        answers = []
        for answer in running.stub.chat(requests(), timeout=DEADLINE_S):
            answers.append(answer)
            answered.release()
        assert answers == [b"A", b"B", b"C"]


def test_a_def_handler_that_waits_for_a_request_is_woken_when_its_caller_leaves() -> None:
    reading, ended = threading.Event(), threading.Event()
    never = threading.Event()

    class Reads(Lab):
        def Collect(self, requests: Iterator[bytes], context: Any) -> bytes:
            try:
                next(requests)
                reading.set()
                return next(requests)
            finally:
                ended.set()

    def requests() -> Iterator[bytes]:
        yield b"one"
        never.wait(DEADLINE_S)

    with served(Reads()) as running:
        call = running.stub.collect.future(requests())
        wait(reading)
        call.cancel()
        wait(ended)
        running.wait_for_counts(0, 0)
        never.set()


def test_sixty_four_mebibytes_go_there_and_back_by_default() -> None:
    with served(Lab()) as running:
        message = bytes(range(256)) * (64 << 12)
        assert running.stub.unary(message, timeout=DEADLINE_S) == message


def test_a_message_above_a_given_limit_is_refused() -> None:
    with served(Lab(), max_message_bytes=1000) as running:
        assert running.stub.unary(bytes(1000)) == bytes(1000)
        assert status_of(running.stub.unary.future(bytes(1001))) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_an_async_handler_is_cancelled_where_it_waits() -> None:
    cancelled, began = threading.Event(), threading.Event()

    class Waits(Lab):
        async def Unary(self, request: bytes, context: Any) -> bytes:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            return request

    with served(Waits()) as running:
        call = running.stub.unary.future(b"")
        wait(began)
        call.cancel()
        wait(cancelled)
        running.wait_for_counts(0, 0)
