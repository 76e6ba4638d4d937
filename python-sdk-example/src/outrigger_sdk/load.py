"""How busy this replica is, as an ORCA load report.

The message is ``xds.data.orca.v3.OrcaLoadReport`` (cncf/xds, ``xds/data/orca/v3/orca_load_report.proto``). It is encoded here:
the only published Python package with it, ``xds-protos``, brings all of Envoy's API and puts top-level packages such as
``opentelemetry`` and ``google`` into the user's environment. The tests decode what is written here with that package.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .process_usage import ProcessUsage

TRAILER = "endpoint-load-metrics-bin"
"""Trailing metadata key under which a report travels with a call (gRPC proposal A51)."""


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """One reading. Utilisations are shares: 1.0 is all there is; ``application_utilization`` passes 1.0 while calls queue."""

    application_utilization: float
    """(running + queued) / concurrency; of ``def`` and ``async def`` handlers, where both exist, the fuller."""
    cpu_utilization: float
    """Share of the container's CPUs that this process used over the last second or so."""
    mem_utilization: float
    """Share of the container's memory limit in use; 0 where there is no limit."""
    rps: float
    """Calls finished a second, as a decaying mean."""
    eps: float
    """Of these, calls that failed by the server's fault (an exception, UNKNOWN, INTERNAL, DATA_LOSS, UNAVAILABLE...)."""
    named_metrics: Mapping[str, float] = field(default_factory=dict)
    """``running``, ``queued``, ``concurrency`` and ``queue`` in calls, ``received`` (all that came), ``refused_per_second``."""

    def encode(self) -> bytes:
        """The protobuf wire form of ``OrcaLoadReport``."""
        parts = [
            _double(1, self.cpu_utilization),
            _double(2, self.mem_utilization),
            _double(6, self.rps),
            _double(7, self.eps),
            _double(9, self.application_utilization),
        ]
        for name, value in self.named_metrics.items():
            key = name.encode()
            entry = b"\x0a" + _varint(len(key)) + key + _double(2, value)
            parts.append(b"\x42" + _varint(len(entry)) + entry)
        return b"".join(parts)


class CallLoad(Protocol):
    """What a meter needs to know about the calls of a server."""

    @property
    def running(self) -> int: ...

    @property
    def queued(self) -> int: ...

    @property
    def utilization(self) -> float: ...

    @property
    def concurrency(self) -> int: ...

    @property
    def queue(self) -> int: ...


class LoadMeter:
    """Counts calls and reads the load. Lives on the event loop; not thread-safe."""

    def __init__(self, calls: CallLoad, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._usage = ProcessUsage(clock=clock)
        self._finished = DecayingRate(clock=clock)
        self._failed = DecayingRate(clock=clock)
        self._refused = DecayingRate(clock=clock)
        self._received = 0

    def count_received(self) -> None:
        """Takes note of one call that came, whatever becomes of it: short ones are over before anybody looks."""
        self._received += 1

    def count(self, *, failed: bool) -> None:
        """Takes note of one finished call."""
        self._finished.tick()
        if failed:
            self._failed.tick()

    def count_refused(self) -> None:
        """Takes note of one call that was sent away before it ran."""
        self._refused.tick()

    def read(self) -> LoadReport:
        """The load now."""
        calls = self._calls
        usage = self._usage.read()
        return LoadReport(
            application_utilization=calls.utilization,
            cpu_utilization=usage.cpu,
            mem_utilization=usage.memory,
            rps=self._finished.read(),
            eps=self._failed.read(),
            named_metrics={
                "running": calls.running,
                "queued": calls.queued,
                "concurrency": calls.concurrency,
                "queue": calls.queue,
                "received": self._received,
                "refused_per_second": self._refused.read(),
            },
        )


class DecayingRate:
    """Events a second, as a mean that forgets half of the past every ``half_life_s`` seconds."""

    def __init__(self, *, half_life_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._decay = math.log(2) / half_life_s
        self._clock = clock
        self._rate = 0.0
        self._at = clock()

    def tick(self) -> None:
        """One event happened."""
        self._rate = self.read() + self._decay

    def read(self) -> float:
        """The rate now."""
        now = self._clock()
        self._rate *= math.exp(self._decay * (self._at - now))
        self._at = now
        return self._rate


def _double(number: int, value: float) -> bytes:
    # Field numbers here are below 16, so that a tag is one byte; wire type 1 is a little-endian double.
    return bytes([number << 3 | 1]) + struct.pack("<d", value) if value else b""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
