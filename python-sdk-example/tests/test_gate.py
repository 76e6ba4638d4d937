"""The gate alone, under everything that can happen to it in any order."""

from __future__ import annotations

import asyncio
import random

import grpc
import pytest

from outrigger_sdk.gate import EXPIRED, Gate, Refusal

CLOSED = Refusal(grpc.StatusCode.UNAVAILABLE, "closed")


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_slots_and_queue_keep_their_bounds_and_nobody_is_forgotten(seed: int) -> None:
    choose = random.Random(seed)
    now = 0.0
    gate = Gate(limit=choose.randint(1, 4), queue=choose.randint(0, 5), clock=lambda: now)
    inside: list[asyncio.Task[Refusal | None]] = []
    arrived: list[asyncio.Task[Refusal | None]] = []

    def sort_out() -> None:
        for task in [task for task in arrived if task.done()]:
            arrived.remove(task)
            if not task.cancelled() and task.result() is None:
                inside.append(task)

    async def random_walk() -> None:
        nonlocal now
        for _ in range(400):
            match choose.choice(["enter", "enter", "leave", "cancel", "cancel as its turn comes", "time", "yield", "refuse"]):
                case "enter":
                    remaining = choose.choice([None, 0.0, choose.uniform(0, 5)])
                    arrived.append(asyncio.create_task(gate.enter(remaining)))
                case "leave" if inside:
                    inside.pop()
                    gate.leave(choose.uniform(0, 2))
                case "cancel" if arrived:
                    choose.choice(arrived).cancel()
                case "cancel as its turn comes" if inside and arrived:
                    inside.pop()
                    gate.leave(0.1)
                    choose.choice(arrived).cancel()
                case "time":
                    now += choose.uniform(0, 3)
                case "refuse":
                    gate.refuse_waiting(CLOSED)
            if choose.random() < 0.7:
                await asyncio.sleep(0)
                sort_out()
            assert gate.running <= gate.limit
            assert gate.queued <= gate.queue
        while arrived or inside:
            await asyncio.sleep(0)
            sort_out()
            while inside:
                inside.pop()
                gate.leave(0.1)
        assert (gate.running, gate.queued) == (0, 0)

    asyncio.run(asyncio.wait_for(random_walk(), 10))


def test_calls_enter_in_the_order_they_came() -> None:
    async def scenario() -> list[int]:
        gate = Gate(limit=1, queue=10)
        assert await gate.enter(None) is None
        order: list[int] = []

        async def one(number: int) -> None:
            assert await gate.enter(None) is None
            order.append(number)
            gate.leave(0)

        tasks = [asyncio.create_task(one(number)) for number in range(10)]
        await asyncio.sleep(0)
        gate.leave(0)
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(scenario()) == list(range(10))


def test_a_deadline_that_passed_in_the_queue_is_seen_when_the_turn_comes() -> None:
    now = 0.0

    async def scenario() -> None:
        nonlocal now
        gate = Gate(limit=1, queue=10, clock=lambda: now)
        assert await gate.enter(None) is None
        late, patient = asyncio.create_task(gate.enter(1.0)), asyncio.create_task(gate.enter(None))
        await asyncio.sleep(0)
        now = 1.5
        gate.leave(1.5)
        assert await late is EXPIRED
        assert await patient is None
        assert gate.running == 1
        assert await gate.enter(0.0) is EXPIRED

    asyncio.run(scenario())


def test_the_pushback_grows_with_the_time_that_calls_take_and_is_bounded() -> None:
    async def pushback(took_s: float) -> int:
        gate = Gate(limit=1, queue=0)
        for _ in range(50):
            assert await gate.enter(None) is None
            gate.leave(took_s)
        assert await gate.enter(None) is None
        refusal = await gate.enter(None)
        assert refusal is not None
        assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.pushback_ms is not None
        return refusal.pushback_ms

    assert 8 <= asyncio.run(pushback(0.0)) <= 12
    assert 800 <= asyncio.run(pushback(1.0)) <= 1200
    assert 4000 <= asyncio.run(pushback(100.0)) <= 6000


def test_a_closed_gate_refuses_and_an_opened_one_admits() -> None:
    async def scenario() -> None:
        gate = Gate(limit=1, queue=1)
        gate.close(CLOSED)
        assert await gate.enter(None) is CLOSED
        gate.open()
        assert await gate.enter(None) is None

    asyncio.run(scenario())
