"""Health, reflection, load reports and keepalive, each spoken as a stock client speaks it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from digits import digits_pb2_grpc
from digits.main import Digits
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from http2 import pings_until_goaway
from lab import DEADLINE_S, SERVICE, Lab, LabStub, add_lab_to_server, served, status_of, wait
from xds.data.orca.v3.orca_load_report_pb2 import OrcaLoadReport
from xds.service.orca.v3 import orca_pb2

from outrigger_sdk import Server, WarmupFailed

STATUS = health_pb2.HealthCheckResponse
LIST_REQUEST = vars(health_pb2)["HealthListRequest"]()  # The stubs do not know List yet.
UNKNOWN_SERVICE = "no.such.Service"


def health(channel: grpc.Channel) -> Any:
    return health_pb2_grpc.HealthStub(channel)


def ask(name: str = "") -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=name)


def test_health_follows_the_server_from_warm_up_to_drain() -> None:
    warm = threading.Event()
    with served(Lab(), start=False, warmup=lambda: wait(warm)) as running:
        stub = health(running.channel)
        watches = [stub.Watch(ask(name), timeout=DEADLINE_S) for name in ("", SERVICE)]
        assert [next(watch).status for watch in watches] == [STATUS.NOT_SERVING] * 2
        assert stub.Check(ask(SERVICE)).status == STATUS.NOT_SERVING
        call = running.stub.unary.future(b"")
        assert status_of(call) is grpc.StatusCode.UNAVAILABLE
        assert call.details() == "the replica is warming up"

        warming = running.start(running.server.warm_up())
        warm.set()
        warming.result(DEADLINE_S)
        assert [next(watch).status for watch in watches] == [STATUS.SERVING] * 2
        assert stub.Check(ask()).status == STATUS.SERVING
        assert stub.Check(ask(SERVICE)).status == STATUS.SERVING
        assert {name: answer.status for name, answer in stub.List(LIST_REQUEST).statuses.items()} == {
            "": STATUS.SERVING,
            SERVICE: STATUS.SERVING,
        }
        assert running.stub.unary(b"now") == b"now"

        assert running.run(running.server.drain()), "no call was cut"
        for watch in watches:
            assert [answer.status for answer in watch] == [STATUS.NOT_SERVING], "told, and the stream ended"


def test_a_server_told_to_stop_still_takes_calls_while_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outrigger_sdk.server.QUIET_S", 600)
    hurry = asyncio.Event()

    async def be_quick() -> None:
        hurry.set()

    with served(Lab(), linger_s=600, grace_s=600) as running:
        running.stub.unary(b"before")
        watch = health(running.channel).Watch(ask(), timeout=DEADLINE_S)
        assert next(watch).status == STATUS.SERVING
        draining = running.start(running.server.drain(hurry=hurry))
        assert next(watch).status == STATUS.NOT_SERVING
        with grpc.insecure_channel(running.target) as unaware:
            assert LabStub(unaware).unary(b"late", timeout=DEADLINE_S) == b"late"
        assert not draining.done()
        running.run(be_quick())
        assert draining.result(DEADLINE_S), "no call was cut"


def test_health_of_an_unknown_name_is_not_found_but_can_be_watched() -> None:
    with served(Lab()) as running:
        stub = health(running.channel)
        call = stub.Check.future(ask(UNKNOWN_SERVICE))
        assert status_of(call) is grpc.StatusCode.NOT_FOUND
        assert SERVICE in call.details()
        watch = stub.Watch(ask(UNKNOWN_SERVICE), timeout=DEADLINE_S)
        assert next(watch).status == STATUS.SERVICE_UNKNOWN
        watch.cancel()


def test_health_answers_while_a_serial_handler_works() -> None:
    let_go = threading.Event()

    class Works(Lab):
        def Unary(self, request: bytes, context: Any) -> bytes:
            wait(let_go)
            return request

    with served(Works()) as running:
        call = running.stub.unary.future(b"")
        running.wait_for_counts(1, 0)
        assert health(running.channel).Check(ask(), timeout=DEADLINE_S).status == STATUS.SERVING
        let_go.set()
        call.result(DEADLINE_S)


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_failing_warm_up_keeps_the_server_from_serving(kind: str) -> None:
    def fails() -> None:
        raise OSError("no weights")

    async def fails_async() -> None:
        fails()

    with served(Lab(), start=False, warmup=fails if kind == "def" else fails_async) as running:
        with pytest.raises(WarmupFailed, match="no weights"):
            running.run(running.server.warm_up())
        assert health(running.channel).Check(ask()).status == STATUS.NOT_SERVING


def test_a_warm_up_has_a_deadline() -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    with (
        served(Lab(), start=False, warmup=hangs, warmup_timeout_s=0.05) as running,
        pytest.raises(WarmupFailed, match=r"longer than warmup_timeout_s=0\.05"),
    ):
        running.run(running.server.warm_up())


def test_a_timeout_error_of_the_hook_itself_is_not_taken_for_the_deadline() -> None:
    async def fails() -> None:
        raise TimeoutError("the bucket did not answer")

    with (
        served(Lab(), start=False, warmup=fails) as running,
        pytest.raises(WarmupFailed, match="the bucket did not answer"),
    ):
        running.run(running.server.warm_up())


def test_a_def_warm_up_runs_in_the_thread_that_will_run_handlers() -> None:
    threads: list[int] = []

    class Notes(Lab):
        def Unary(self, request: bytes, context: Any) -> bytes:
            threads.append(threading.get_ident())
            return request

    with served(Notes(), warmup=lambda: threads.append(threading.get_ident())) as running:
        running.stub.unary(b"")
        assert len(threads) == 2
        assert len(set(threads)) == 1


def test_reflection_names_the_services_and_describes_them() -> None:
    with served(Digits(), digits_pb2_grpc.add_DigitsServicer_to_server) as running:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(running.channel)
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="outrigger.examples.digits.v1.Digits"),
        ]
        services, file = list(stub.ServerReflectionInfo(iter(asked), timeout=DEADLINE_S))
        assert {service.name for service in services.list_services_response.service} == {
            "outrigger.examples.digits.v1.Digits",
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }
        described = descriptor_pb2.FileDescriptorProto.FromString(file.file_descriptor_response.file_descriptor_proto[0])
        assert [method.name for method in described.service[0].method] == ["Classify", "ClassifyStream", "Ping"]


def load_reports(channel: grpc.Channel, nanos: int) -> Any:
    stream = channel.unary_stream(
        "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics",
        request_serializer=orca_pb2.OrcaLoadReportRequest.SerializeToString,
        response_deserializer=OrcaLoadReport.FromString,
    )
    request = orca_pb2.OrcaLoadReportRequest()
    request.report_interval.nanos = nanos
    return stream(request, timeout=DEADLINE_S)


def test_load_is_reported_out_of_band_while_handlers_are_busy() -> None:
    let_go = threading.Event()

    class Works(Lab):
        def Unary(self, request: bytes, context: Any) -> bytes:
            wait(let_go)
            return request

    with served(Works(), concurrency=2, queue=5) as running:
        calls = [running.stub.unary.future(b"") for _ in range(5)]
        running.wait_for_counts(2, 3)
        reports = load_reports(running.channel, nanos=1)
        for _ in range(2):
            report = next(reports)
            assert report.application_utilization == 2.5
            named = dict(report.named_metrics)
            assert named.pop("refused_per_second", 0) == 0
            assert named == {"running": 2, "queued": 3, "concurrency": 2, "queue": 5, "received": 5}
        let_go.set()
        for call in calls:
            call.result(DEADLINE_S)
        while report.application_utilization > 0:
            report = next(reports)
        assert report.rps_fractional > 0
        assert report.named_metrics["received"] == 5, "calls that are over were received all the same"
        assert report.eps == 0
        running.run(running.server.drain())
        assert list(reports) == [], "a drain ends the stream"


@contextmanager
def stock_server() -> Iterator[int]:
    with futures.ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield port
        server.stop(None).wait(DEADLINE_S)


def test_frequent_keepalive_pings_are_welcome() -> None:
    with served(Lab()) as running:
        assert pings_until_goaway(running.server.port, 50) == (50, False)
    with stock_server() as port:
        answered, goaway = pings_until_goaway(port, 50)
        assert goaway, "what a server with default options does; if this changes, our options may go"
        assert answered < 50


def test_a_service_given_twice_is_refused() -> None:
    async def make() -> None:
        with pytest.raises(ValueError, match=f"{SERVICE} is already served"):
            Server([(Lab(), add_lab_to_server), (Lab(), add_lab_to_server)])

    asyncio.run(make())
