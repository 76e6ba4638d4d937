"""Admission to the handlers: at most so many at a time, so many waiting, first come first served."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import grpc

PUSHBACK_MIN_MS = 10
PUSHBACK_MAX_MS = 5_000


@dataclass(frozen=True)
class Refusal:
    """Why a call was not run, in the terms its caller will see."""

    code: grpc.StatusCode
    details: str
    pushback_ms: int | None = None
    """When a client's retry policy may send the call again (``grpc-retry-pushback-ms``); ``None`` leaves it to the policy."""


EXPIRED = Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed while the call waited in the queue")


@dataclass(eq=False)
class _Waiter:
    turn: asyncio.Future[Refusal | None]
    expires_at: float | None


class Gate:
    """Slots for running calls and a bounded queue before them. Lives on one event loop; not thread-safe.

    A waiting call leaves the queue when its turn comes, when its task is cancelled (the caller went away), or when its
    deadline has passed by the time its turn comes; in the last two cases it never takes a slot.
    """

    def __init__(self, *, limit: int, queue: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self.queue = queue
        self.running = 0
        self._clock = clock
        self._waiting: deque[_Waiter] = deque()
        self._closed: Refusal | None = None
        self._mean_s = 0.1

    @property
    def queued(self) -> int:
        """Calls that wait for a slot now."""
        return len(self._waiting)

    async def enter(self, time_remaining_s: float | None) -> Refusal | None:
        """Waits for a slot. ``None`` means the caller of this method holds one and owes a ``leave``; otherwise it holds none.

        ``time_remaining_s`` is what is left of the call's deadline; ``None`` when it has none. The wait is bounded by that
        deadline and by the cancellation of the task. Raises ``CancelledError`` only, without holding a slot.
        """
        if self._closed is not None:
            return self._closed
        if time_remaining_s is not None and time_remaining_s <= 0:
            return EXPIRED
        if self.running < self.limit and not self._waiting:
            self.running += 1
            return None
        if len(self._waiting) >= self.queue:
            return self._full()
        expires_at = None if time_remaining_s is None else self._clock() + time_remaining_s
        waiter = _Waiter(asyncio.get_running_loop().create_future(), expires_at)
        self._waiting.append(waiter)
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.turn.cancelled() and waiter.turn.result() is None:
                # The turn came in the same instant as the cancellation: hand the slot on.
                self._release()
            raise

    def leave(self, took_s: float) -> None:
        """Gives a slot back. ``took_s`` is how long it was held; it feeds the estimate behind the retry pushback."""
        self._mean_s += 0.2 * (took_s - self._mean_s)
        self._release()

    def close(self, refusal: Refusal) -> None:
        """Answers every new call with ``refusal`` from now on. Waiting and running calls stay as they are."""
        self._closed = refusal

    def open(self) -> None:
        """Takes calls again after ``close``."""
        self._closed = None

    def refuse_waiting(self, refusal: Refusal) -> int:
        """Sends every waiting call away with ``refusal``; returns how many there were."""
        waiting = [waiter for waiter in self._waiting if not waiter.turn.done()]
        self._waiting.clear()
        for waiter in waiting:
            waiter.turn.set_result(refusal)
        return len(waiting)

    def _release(self) -> None:
        self.running -= 1
        while self._waiting and self.running < self.limit:
            waiter = self._waiting.popleft()
            if waiter.turn.done():
                continue
            if waiter.expires_at is not None and waiter.expires_at <= self._clock():
                waiter.turn.set_result(EXPIRED)
                continue
            self.running += 1
            waiter.turn.set_result(None)

    def _full(self) -> Refusal:
        # By then about half of the queue has been worked off. The spread keeps refused callers from coming back together.
        estimate_ms = 1000 * self._mean_s * (self.queue / 2 + 1) / self.limit
        spread = random.uniform(0.8, 1.2)
        pushback_ms = min(PUSHBACK_MAX_MS, max(PUSHBACK_MIN_MS, estimate_ms)) * spread
        return Refusal(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"{self.running} calls run (limit {self.limit}) and {self.queued} wait (limit {self.queue})",
            round(pushback_ms),
        )
