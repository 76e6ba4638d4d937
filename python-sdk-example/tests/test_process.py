"""``serve`` as a process: signals, exit statuses, messages."""

from __future__ import annotations

import json
import signal
import socket
import threading
from typing import Any

import grpc
import pytest
from echo import echo_pb2, echo_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from lab import DEADLINE_S, LabStub, status_of, wait_until
from process import program
from xds.data.orca.v3.orca_load_report_pb2 import OrcaLoadReport

HELD = "held_server.py"
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


def watch(channel: grpc.Channel) -> Any:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return stub.Watch(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_with_0(number: signal.Signals) -> None:
    with program(HELD) as server:
        server.says("serving:")
        server.signal(number)
        assert server.exit_status() == 0
        assert server.lines[-1].endswith("stopped")


def test_on_sigterm_what_runs_and_what_waits_is_finished() -> None:
    with program(HELD) as server:
        server.says("serving:")
        health = watch(server.channel)
        assert next(health).status == SERVING
        first = server.stub.unary.future(b"first")
        server.says("handler began: first")
        second = server.stub.unary.future(b"second")
        wait_until(lambda: queued(server.channel) == 1)

        server.signal(signal.SIGTERM)
        server.says(r"draining: running=1 queued=1 grace_s=9")
        assert [answer.status for answer in health] == [NOT_SERVING]
        with grpc.insecure_channel(server.target) as late:
            assert status_of(LabStub(late).unary.future(b"")) is grpc.StatusCode.UNAVAILABLE
        server.send("answer to the first")
        server.send("answer to the second")
        assert first.result(DEADLINE_S) == b"answer to the first"
        assert second.result(DEADLINE_S) == b"answer to the second"
        assert server.exit_status() == 0
        assert "cut" not in server.text


def test_on_sigterm_a_stream_is_finished() -> None:
    with program(HELD) as server:
        server.says("serving:")
        stream = server.stub.stream(b"", timeout=DEADLINE_S)
        assert next(stream) == b"first"
        server.signal(signal.SIGTERM)
        server.says("draining:")
        server.send("last")
        assert list(stream) == [b"last"]
        assert server.exit_status() == 0


@pytest.mark.parametrize("by", ["the grace", "a second signal"])
def test_when_the_grace_is_over_callers_are_told_and_the_process_ends(by: str) -> None:
    with program(HELD, OUTRIGGER_SERVE_GRACE_S="0.05" if by == "the grace" else "600") as server:
        server.says("serving:")
        running = server.stub.unary.future(b"stuck")
        server.says("handler began: stuck")
        waiting = server.stub.unary.future(b"waits")
        wait_until(lambda: queued(server.channel) == 1)
        server.signal(signal.SIGTERM)
        if by == "a second signal":
            server.says("draining:")
            server.signal(signal.SIGTERM)
        assert [status_of(call) for call in (running, waiting)] == [grpc.StatusCode.UNAVAILABLE] * 2
        assert running.details() == waiting.details() == "the replica is stopping and its grace is over"
        assert server.exit_status() == 0, "though a handler still holds its thread"
        server.says("cut calls at the end of the grace: calls=2")
        assert "handler began: waits" not in server.text


def test_a_failing_warm_up_ends_the_process_with_1_and_says_why() -> None:
    with program(HELD, HELD_WARMUP="fail") as server:
        assert server.exit_status() == 1
        assert server.lines[-1] == "outrigger_sdk: not serving: the warm-up hook raised OSError('no weights')"
        assert "held_server.py" in server.text, "the traceback is in the log"


def test_a_warm_up_that_hangs_ends_the_process_with_1() -> None:
    with program(HELD, HELD_WARMUP="hang", OUTRIGGER_SERVE_WARMUP_TIMEOUT_S="0.05") as server:
        assert server.exit_status() == 1
        assert server.lines[-1] == "outrigger_sdk: not serving: the warm-up hook took longer than warmup_timeout_s=0.05"


def test_health_is_answered_during_warm_up_and_changes_after_it() -> None:
    with program(HELD, HELD_WARMUP="hold") as server:
        server.says("warm-up began")
        health = watch(server.channel)
        assert next(health).status == NOT_SERVING
        server.send("go")
        assert next(health).status == SERVING


def test_a_signal_during_warm_up_ends_the_process_at_once() -> None:
    with program(HELD, HELD_WARMUP="hang") as server:
        server.says("listening:")
        server.signal(signal.SIGTERM)
        assert server.exit_status() == 0


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with program(HELD, OUTRIGGER_SERVE_PORT=str(port)) as server:
            assert server.exit_status() == 1
            assert f"outrigger_sdk: cannot listen on 127.0.0.1:{port}" in server.lines[-1]
            assert "OUTRIGGER_SERVE_PORT" in server.lines[-1]


def test_a_second_server_does_not_share_the_port_of_the_first() -> None:
    with program(HELD) as first:
        port = first.target.split(":")[1]
        with program(HELD, OUTRIGGER_SERVE_PORT=port) as second:
            assert second.exit_status() == 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "http", "OUTRIGGER_SERVE_PORT is 'http', expected a whole number"),
        ("PORT", "70000", "port is 70000, expected a whole number from 0 to 65535"),
        ("CONCURRENCY", "0", "concurrency is 0, expected a whole number of at least 1"),
        ("QUEUE", "-1", "queue is -1, expected a whole number of at least 0"),
        ("GRACE_S", "nan", "grace_s is nan, expected seconds, at least 0"),
        ("GRACE_S", "soon", "OUTRIGGER_SERVE_GRACE_S is 'soon', expected a number of seconds"),
        ("MAX_MESSAGE_BYTES", "0", "max_message_bytes is 0, expected bytes, at least 1"),
        ("CONCURENCY", "2", "OUTRIGGER_SERVE_CONCURENCY is not an option of this server; known are OUTRIGGER_SERVE_HOST"),
    ],
)
def test_a_wrong_option_is_named_and_ends_the_process_with_1(name: str, value: str, message: str) -> None:
    with program(HELD, **{f"OUTRIGGER_SERVE_{name}": value}) as server:
        assert server.exit_status() == 1
        assert len(server.lines) == 1
        assert message in server.lines[0]


@pytest.mark.parametrize(
    ("config", "linger_s"),
    [
        pytest.param({"healthCheckConfig": {"serviceName": ""}}, "600", id="watches health"),
        pytest.param(
            {
                "methodConfig": [
                    {
                        "name": [{}],
                        "retryPolicy": {
                            "maxAttempts": 5,
                            "initialBackoff": "0.05s",
                            "maxBackoff": "1s",
                            "backoffMultiplier": 2,
                            # CANCELLED is how gRPC's core answers calls that cross its GOAWAY (grpc/grpc#41785).
                            "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                        },
                    }
                ]
            },
            "0",
            id="retries",
        ),
    ],
)
def test_no_call_fails_while_one_of_two_servers_drains_under_a_client_that(config: dict[str, Any], linger_s: str) -> None:
    names = ["one", "two"]
    environment = {"OUTRIGGER_SERVE_LINGER_S": linger_s, "OUTRIGGER_SERVE_GRACE_S": "600"}
    with (
        program("-m", "echo.main", OUTRIGGER_REPLICA_ID="one", **environment) as one,
        program("-m", "echo.main", OUTRIGGER_REPLICA_ID="two", **environment) as two,
    ):
        for server in (one, two):
            server.says("serving:")
        answers: list[str] = []
        failures: list[str] = []
        enough = threading.Event()

        def call_on_and_on(stub: echo_pb2_grpc.EchoStub) -> None:
            while not enough.is_set():
                try:
                    answers.append(stub.Echo(echo_pb2.EchoRequest(delay_ms=1), timeout=DEADLINE_S).replica)
                except grpc.RpcError as error:
                    failures.append(str(error))

        service_config = json.dumps({"loadBalancingConfig": [{"round_robin": {}}], **config})
        target = f"ipv4:{one.target},{two.target}"
        with grpc.insecure_channel(target, [("grpc.service_config", service_config)]) as channel:
            stub = echo_pb2_grpc.EchoStub(channel)
            callers = [threading.Thread(target=call_on_and_on, args=(stub,)) for _ in range(8)]
            for caller in callers:
                caller.start()
            try:
                wait_until(lambda: all(answers.count(name) > 50 for name in names))
                one.signal(signal.SIGTERM)
                assert one.exit_status() == 0
                end = len(answers)
                wait_until(lambda: len(answers) > end + 100)
            finally:
                enough.set()
                for caller in callers:
                    caller.join(DEADLINE_S)
        assert failures == []
        assert set(answers[end + len(callers) :]) == {"two"}


def queued(channel: grpc.Channel) -> int:
    """Calls that wait, as the server itself reports."""
    stream: Any = channel.unary_stream(
        "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics", response_deserializer=OrcaLoadReport.FromString
    )
    reports = stream(b"", timeout=DEADLINE_S)
    count = int(next(reports).named_metrics["queued"])
    reports.cancel()
    return count
