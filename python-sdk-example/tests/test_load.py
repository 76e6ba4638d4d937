"""Load reports: the encoding against the official messages, the rates against a clock, the shares against control groups."""

from __future__ import annotations

from pathlib import Path

import pytest
from xds.data.orca.v3.orca_load_report_pb2 import OrcaLoadReport

from outrigger_sdk import LoadReport
from outrigger_sdk.load import DecayingRate
from outrigger_sdk.process_usage import ProcessUsage


def test_a_report_is_what_the_official_message_decodes() -> None:
    name = "a name of more than 127 bytes " * 5
    report = LoadReport(
        application_utilization=2.5,
        cpu_utilization=0.25,
        mem_utilization=0.125,
        rps=10,
        eps=0.5,
        named_metrics={"queued": 3, "nothing": 0, name: 1e300},
    )
    decoded = OrcaLoadReport.FromString(report.encode())
    assert decoded == OrcaLoadReport(
        application_utilization=2.5,
        cpu_utilization=0.25,
        mem_utilization=0.125,
        rps_fractional=10,
        eps=0.5,
        named_metrics={"queued": 3, "nothing": 0, name: 1e300},
    )


def test_a_rate_settles_at_what_comes_and_forgets_what_went() -> None:
    now = 0.0
    rate = DecayingRate(half_life_s=5, clock=lambda: now)
    for _ in range(60_000):
        now += 0.001
        rate.tick()
    assert rate.read() == pytest.approx(1000, rel=0.01)
    now += 5
    assert rate.read() == pytest.approx(500, rel=0.01)
    now += 500
    assert rate.read() < 1e-6


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"memory.max": "1000\n", "memory.current": "250\n", "cpu.max": "50000 100000\n"}, 0.25, id="version 2"),
        pytest.param(
            {"memory.max": "max\n", "memory.current": "250\n", "cpu.max": "max 100000\n"}, 0.0, id="version 2, no limit"
        ),
        pytest.param({"memory/memory.limit_in_bytes": "1000", "memory/memory.usage_in_bytes": "500"}, 0.5, id="version 1"),
        pytest.param(
            {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "500"},
            0.0,
            id="version 1, no limit",
        ),
        pytest.param({}, 0.0, id="no control groups"),
    ],
)
def test_memory_is_a_share_of_the_limit(tmp_path: Path, files: dict[str, str], expected: float) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert ProcessUsage(cgroup=tmp_path).read().memory == expected


def test_cpu_is_a_share_of_the_quota_and_read_at_most_once_a_second(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    now = 0.0
    usage = ProcessUsage(cgroup=tmp_path, clock=lambda: now)
    now = 0.5
    assert usage.read().cpu == 0.0
    sum(range(200_000))
    now = 1.0
    first = usage.read()
    assert first.cpu > 0
    now = 1.5
    assert usage.read() is first
