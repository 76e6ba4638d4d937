"""CPU and memory of this process, as shares of what its container may use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
INTERVAL_S = 1.0


@dataclass(frozen=True)
class Usage:
    """Shares from 0 to 1 (CPU may pass 1 for an instant)."""

    cpu: float
    memory: float


class ProcessUsage:
    """Reads at most once a second, because a load report goes with every call. Control groups v1 and v2."""

    def __init__(self, *, cgroup: Path = CGROUP, clock: Callable[[], float] = time.monotonic) -> None:
        self._cgroup = cgroup
        self._clock = clock
        self._cpus = _cpus(cgroup)
        self._memory_limit_bytes = _memory_limit_bytes(cgroup)
        self._at = clock()
        self._cpu_s = time.process_time()
        self._last = Usage(0.0, self._memory())

    def read(self) -> Usage:
        """The newest reading."""
        now = self._clock()
        elapsed_s = now - self._at
        if elapsed_s >= INTERVAL_S:
            cpu_s = time.process_time()
            self._last = Usage((cpu_s - self._cpu_s) / elapsed_s / self._cpus, self._memory())
            self._at, self._cpu_s = now, cpu_s
        return self._last

    def _memory(self) -> float:
        if self._memory_limit_bytes is None:
            return 0.0
        used = _number(self._cgroup / "memory.current")
        if used is None:
            used = _number(self._cgroup / "memory/memory.usage_in_bytes")
        return min(1.0, (used or 0) / self._memory_limit_bytes)


def _cpus(cgroup: Path) -> float:
    available = float(len(os.sched_getaffinity(0)))
    quota_us: int | None = None
    period_us: int | None = None
    words = _text(cgroup / "cpu.max").split()
    if len(words) == 2:
        quota_us, period_us = _whole(words[0]), _whole(words[1])
    else:
        quota_us = _number(cgroup / "cpu/cpu.cfs_quota_us")
        period_us = _number(cgroup / "cpu/cpu.cfs_period_us")
    if quota_us is None or period_us is None or quota_us <= 0 or period_us <= 0:
        return available
    return min(available, quota_us / period_us)


def _memory_limit_bytes(cgroup: Path) -> int | None:
    limit = _number(cgroup / "memory.max")
    if limit is None:
        limit = _number(cgroup / "memory/memory.limit_in_bytes")
    # Version 1 writes "no limit" as a number close to 2**63.
    return None if limit is None or limit <= 0 or limit >= 1 << 60 else limit


def _number(path: Path) -> int | None:
    return _whole(_text(path).strip())


def _whole(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
