"""The health servicer alone, driven step by step."""

from __future__ import annotations

import asyncio
from typing import Any

from grpc_health.v1 import health_pb2

from outrigger_sdk.health import Health, Status


def test_a_watcher_that_reads_slowly_misses_steps_but_never_the_last_state() -> None:
    async def scenario() -> list[int]:
        health = Health(["a.Service"])
        context: Any = None
        watch = health.Watch(health_pb2.HealthCheckRequest(service="a.Service"), context)
        seen = [(await anext(watch)).status]
        health.set_serving(True)
        seen.append((await anext(watch)).status)
        # While the watcher is not reading: off, on, off, and closed for good.
        for serving in (False, True, False):
            health.set_serving(serving)
        health.close()
        seen.extend([answer.status async for answer in watch])
        return seen

    seen = asyncio.run(asyncio.wait_for(scenario(), 10))
    assert seen == [Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]


def test_changes_that_cancel_out_between_two_reads_are_not_sent() -> None:
    async def scenario() -> None:
        health = Health([])
        context: Any = None
        watch = health.Watch(health_pb2.HealthCheckRequest(), context)
        assert (await anext(watch)).status == Status.NOT_SERVING
        following = asyncio.ensure_future(anext(watch))
        health.set_serving(True)
        health.set_serving(False)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not following.done()
        health.set_serving(True)
        assert (await following).status == Status.SERVING
        await watch.aclose()  # type: ignore[attr-defined]  # an async generator, though declared as an iterator

    asyncio.run(asyncio.wait_for(scenario(), 10))
