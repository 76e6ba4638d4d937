"""What runs at the same time, what waits, what is sent away."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from lab import DEADLINE_S, SERVICE, Lab, LabStub, Running, served, status_of, wait, wait_until


class Held(Lab):
    """Takes note of what it is given, and answers when it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.began: list[bytes] = []
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def Unary(self, request: bytes, context: Any) -> bytes:
        with self._lock:
            self.began.append(request)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        wait(self.let_go)
        with self._lock:
            self.at_once -= 1
        return request


def occupy(running: Running, queued: int = 0) -> list[Any]:
    """Fills the one slot and so many places of the queue, in the order 0, 1, 2, ..."""
    calls = []
    for number in range(queued + 1):
        calls.append(running.stub.unary.future(str(number).encode()))
        running.wait_for_counts(1, number)
    return calls


def test_def_handlers_run_one_at_a_time_unless_told_otherwise() -> None:
    held = Held()
    with served(held) as running:
        calls = occupy(running, queued=3)
        assert held.began == [b"0"]
        held.let_go.set()
        assert [call.result(DEADLINE_S) for call in calls] == [b"0", b"1", b"2", b"3"]
        assert held.began == [b"0", b"1", b"2", b"3"], "first come, first served"
        assert held.most_at_once == 1


def test_a_stream_of_a_def_handler_keeps_the_slot_until_it_ends() -> None:
    order: list[str] = []
    let_go = threading.Event()

    class Streams(Lab):
        def Stream(self, request: bytes, context: Any) -> Iterator[bytes]:
            yield b"first"
            wait(let_go)
            order.append("stream ended")
            yield b"last"

        def Unary(self, request: bytes, context: Any) -> bytes:
            order.append("unary ran")
            return request

    with served(Streams()) as running:
        stream = running.stub.stream(b"")
        assert next(stream) == b"first"
        unary = running.stub.unary.future(b"")
        running.wait_for_counts(1, 1)
        let_go.set()
        assert list(stream) == [b"last"]
        unary.result(DEADLINE_S)
        assert order == ["stream ended", "unary ran"]


def test_a_def_handler_stays_in_one_thread_even_as_a_generator_among_others() -> None:
    together = threading.Barrier(2)

    class Threads(Lab):
        def Stream(self, request: bytes, context: Any) -> Iterator[bytes]:
            for _ in range(5):
                together.wait(DEADLINE_S)
                yield str(threading.get_ident()).encode()

    with served(Threads(), concurrency=2) as running:
        streams = [running.stub.stream(b"") for _ in range(2)]
        threads = [set(stream) for stream in streams]
        assert [len(seen) for seen in threads] == [1, 1]
        assert threads[0] != threads[1]


def test_concurrency_n_runs_n_def_handlers_and_no_more() -> None:
    held = Held()
    with served(held, concurrency=3) as running:
        calls = [running.stub.unary.future(b"") for _ in range(5)]
        running.wait_for_counts(3, 2)
        wait_until(lambda: held.at_once == 3)
        held.let_go.set()
        for call in calls:
            call.result(DEADLINE_S)
        assert held.most_at_once == 3


@pytest.mark.parametrize(("concurrency", "expected"), [(None, (100, 3)), (2, (2, 101))])
def test_async_handlers_run_together_within_a_bound(concurrency: int | None, expected: tuple[int, int]) -> None:
    let_go = asyncio.Event()

    class Async(Lab):
        async def Unary(self, request: bytes, context: Any) -> bytes:
            await let_go.wait()
            return request

    async def release() -> None:
        let_go.set()

    with served(Async(), concurrency=concurrency, queue=200) as running:
        calls = [running.stub.unary.future(b"") for _ in range(103)]
        running.wait_for_counts(*expected)
        running.run(release())
        for call in calls:
            call.result(DEADLINE_S)


def test_a_def_handler_at_work_does_not_hold_up_async_ones() -> None:
    held = Held()

    class Mixed(Held):
        async def Stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
            yield b"here"

    held = Mixed()
    with served(held) as running:
        (call,) = occupy(running)
        assert list(running.stub.stream(b"", timeout=DEADLINE_S)) == [b"here"]
        held.let_go.set()
        call.result(DEADLINE_S)


def test_a_full_queue_answers_resource_exhausted_with_a_pushback() -> None:
    held = Held()
    with served(held, queue=2) as running:
        calls = occupy(running, queued=2)
        refused = running.stub.unary.future(b"too many")
        assert status_of(refused) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.details() == "1 calls run (limit 1) and 2 wait (limit 2)"
        pushback_ms = int(dict(refused.trailing_metadata())["grpc-retry-pushback-ms"])
        assert 8 <= pushback_ms <= 6000
        held.let_go.set()
        for call in calls:
            call.result(DEADLINE_S)
        assert b"too many" not in held.began


def test_a_refused_call_of_a_client_with_a_retry_policy_comes_again_and_succeeds() -> None:
    attempts: list[str | bytes | None] = []

    class Remembers(Held):
        def Unary(self, request: bytes, context: Any) -> bytes:
            attempts.append(dict(context.invocation_metadata()).get("grpc-previous-rpc-attempts"))
            return super().Unary(request, context)

    policy = {
        "maxAttempts": 5,
        "initialBackoff": "5s",
        "maxBackoff": "5s",
        "backoffMultiplier": 1,
        "retryableStatusCodes": ["RESOURCE_EXHAUSTED"],
    }
    config = json.dumps({"methodConfig": [{"name": [{"service": SERVICE}], "retryPolicy": policy}]})
    held = Remembers()
    with served(held, queue=0) as running:
        (first,) = occupy(running)
        with grpc.insecure_channel(running.target, [("grpc.service_config", config)]) as channel:
            second = LabStub(channel).unary.future(b"again")
            wait_until(lambda: running.server.load().named_metrics["refused_per_second"] > 0)
            held.let_go.set()
            assert second.result(DEADLINE_S) == b"again"
        first.result(DEADLINE_S)
        assert attempts[0] is None
        assert attempts[1] is not None


def test_a_waiting_call_whose_caller_cancels_never_runs_and_frees_its_place() -> None:
    held = Held()
    with served(held, queue=3) as running:
        calls = occupy(running, queued=3)
        calls[1].cancel()
        calls[3].cancel()
        running.wait_for_counts(1, 1)
        late = running.stub.unary.future(b"late")
        running.wait_for_counts(1, 2)
        held.let_go.set()
        for call in (calls[0], calls[2], late):
            call.result(DEADLINE_S)
        assert held.began == [b"0", b"2", b"late"]


def test_a_waiting_call_whose_deadline_passes_never_runs() -> None:
    held = Held()
    with served(held) as running:
        (first,) = occupy(running)
        hasty = running.stub.unary.future(b"hasty", timeout=0.05)
        assert status_of(hasty) is grpc.StatusCode.DEADLINE_EXCEEDED
        running.wait_for_counts(1, 0)
        held.let_go.set()
        first.result(DEADLINE_S)
        assert running.stub.unary(b"last") == b"last"
        assert held.began == [b"0", b"last"]


def test_a_running_def_handler_keeps_its_slot_after_its_caller_left() -> None:
    left = threading.Event()
    active: list[bool] = []

    class Notices(Held):
        def Unary(self, request: bytes, context: Any) -> bytes:
            if request == b"0":
                assert context.add_callback(left.set)
                wait(left)
                active.append(context.is_active())
            return super().Unary(request, context)

    held = Notices()
    with served(held) as running:
        calls = occupy(running, queued=1)
        calls[0].cancel()
        wait_until(lambda: held.began == [b"0"])
        assert active == [False]
        assert running.counts() == (1, 1), "its thread is still busy: nothing else may start"
        held.let_go.set()
        assert calls[1].result(DEADLINE_S) == b"1"
        assert held.most_at_once == 1
