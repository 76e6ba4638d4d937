"""What a handler can say to its caller, and what its caller hears when it fails."""

from __future__ import annotations

import logging
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from http2 import http2_call
from lab import DEADLINE_S, SERVICE, Lab, served, status_of, status_of_stream
from xds.data.orca.v3.orca_load_report_pb2 import OrcaLoadReport


class Status(grpc.Status):
    code = grpc.StatusCode.DATA_LOSS
    details = "lost"
    trailing_metadata = (("why", "a hole"),)


class SyncTalks(Lab):
    def Unary(self, request: bytes, context: Any) -> bytes:
        match request:
            case b"metadata":
                context.send_initial_metadata((("first", "yes"),))
                context.set_trailing_metadata((("last", dict(context.invocation_metadata())["asked"]),))
            case b"abort":
                context.set_trailing_metadata((("why", "because"),))
                context.abort(grpc.StatusCode.NOT_FOUND, "no such row")
            case b"status":
                context.abort_with_status(Status())
            case b"code":
                context.set_code(grpc.StatusCode.OUT_OF_RANGE)
                context.set_details("too far")
            case b"raise":
                raise ValueError("secret")
            case b"exit":
                raise SystemExit(3)
            case b"stop":
                raise StopIteration
            case b"deadline":
                return str(context.time_remaining()).encode()
            case b"peer":
                return str(context.peer()).encode()
        return request

    def Stream(self, request: bytes, context: Any) -> Iterator[bytes]:
        yield b"one"
        self.Unary(request, context)


class AsyncTalks(SyncTalks):
    async def Unary(self, request: bytes, context: Any) -> bytes:  # type: ignore[override]
        match request:
            case b"metadata":
                await context.send_initial_metadata((("first", "yes"),))
                context.set_trailing_metadata((("last", dict(context.invocation_metadata())["asked"]),))
            case b"abort":
                await context.abort(grpc.StatusCode.NOT_FOUND, "no such row", (("why", "because"),))
            case b"status":
                await context.abort_with_status(Status())
            case _:
                return super().Unary(request, context)
        return request

    async def Stream(self, request: bytes, context: Any) -> Any:
        yield b"one"
        await self.Unary(request, context)


KINDS = pytest.mark.parametrize("kind", [SyncTalks, AsyncTalks])
Kind = type[SyncTalks] | type[AsyncTalks]


@KINDS
def test_metadata_goes_both_ways(kind: Kind) -> None:
    with served(kind()) as running:
        call = running.stub.unary.future(b"metadata", metadata=(("asked", "42"),))
        call.result(DEADLINE_S)
        assert dict(call.initial_metadata())["first"] == "yes"
        assert dict(call.trailing_metadata())["last"] == "42"


@KINDS
@pytest.mark.parametrize("method", ["unary", "stream"])
@pytest.mark.parametrize(
    ("request_", "code", "details", "why"),
    [
        (b"abort", grpc.StatusCode.NOT_FOUND, "no such row", "because"),
        (b"status", grpc.StatusCode.DATA_LOSS, "lost", "a hole"),
        (b"code", grpc.StatusCode.OUT_OF_RANGE, "too far", None),
    ],
)
def test_a_handler_sets_its_status(
    kind: Kind, method: str, request_: bytes, code: grpc.StatusCode, details: str, why: str | None
) -> None:
    with served(kind()) as running:
        call = running.stub.unary.future(request_) if method == "unary" else running.stub.stream(request_)
        assert (status_of(call) if method == "unary" else status_of_stream(call)) is code
        assert call.details() == details
        assert dict(call.trailing_metadata()).get("why") == why


@KINDS
@pytest.mark.parametrize("method", ["unary", "stream"])
def test_an_exception_is_logged_here_and_only_named_there(kind: Kind, method: str, caplog: pytest.LogCaptureFixture) -> None:
    with served(kind()) as running, caplog.at_level(logging.ERROR, "outrigger_sdk"):
        call = running.stub.unary.future(b"raise") if method == "unary" else running.stub.stream(b"raise")
        assert (status_of(call) if method == "unary" else status_of_stream(call)) is grpc.StatusCode.UNKNOWN
        assert "ValueError" in call.details()
        assert "secret" not in call.details()
        assert "ValueError: secret" in caplog.text
        assert running.stub.unary(b"next") == b"next"


@pytest.mark.parametrize("request_", [b"exit", b"stop"])
def test_a_def_handler_cannot_end_the_server(request_: bytes) -> None:
    with served(SyncTalks()) as running:
        assert status_of(running.stub.unary.future(request_)) is grpc.StatusCode.UNKNOWN
        assert running.stub.unary(b"next") == b"next"
        assert running.counts() == (0, 0)


def test_a_def_handler_knows_its_deadline_and_its_peer() -> None:
    with served(SyncTalks()) as running:
        # gRPC rounds a deadline up to send it in few digits.
        assert 0 < float(running.stub.unary(b"deadline", timeout=DEADLINE_S)) < 2 * DEADLINE_S
        assert running.stub.unary(b"peer").startswith(b"ipv4:127.0.0.1:")


def test_a_def_handler_that_returns_a_coroutine_is_told_what_to_change(caplog: pytest.LogCaptureFixture) -> None:
    class Confused(Lab):
        def Unary(self, request: bytes, context: Any) -> Any:
            return self.Real(request)

        async def Real(self, request: bytes) -> bytes:
            return request

    with served(Confused()) as running:
        assert status_of(running.stub.unary.future(b"")) is grpc.StatusCode.UNKNOWN
        assert "declare it `async def`" in caplog.text


@KINDS
@pytest.mark.parametrize("request_", [b"fine", b"metadata", b"raise", b"code"])
def test_every_answered_call_carries_a_load_report(kind: Kind, request_: bytes) -> None:
    with served(kind()) as running:
        trailers = http2_call(running.server.port, f"/{SERVICE}/Unary", request_, {"asked": "42"})
        report = OrcaLoadReport.FromString(b64decode(trailers["endpoint-load-metrics-bin"] + "=="))
        assert report.rps_fractional > 0
        assert (report.eps > 0) == (request_ == b"raise")
        # Where both kinds are served, each has slots and a queue of its own.
        assert report.named_metrics["queue"] == (64 if kind is SyncTalks else 128)
        assert trailers.get("last") == ("42" if request_ == b"metadata" else None), "beside the handler's own"
