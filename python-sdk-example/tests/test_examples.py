"""The examples as their users meet them: a process, called by stock grpcio."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from digits import digits_pb2, digits_pb2_grpc
from digits.held_out import HELD_OUT_CSV, held_out
from digits.split import split
from digits.train import train, write_held_out
from echo import echo_pb2, echo_pb2_grpc
from lab import DEADLINE_S, status_of
from process import EXAMPLES, Program, program

import generate

ACCURACY_MIN = 0.95


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The digits server with weights trained for this run."""
    weights = tmp_path_factory.mktemp("model") / "weights.npz"
    train(weights)
    with program("-m", "digits.main", DIGITS_WEIGHTS=str(weights), OUTRIGGER_REPLICA_ID="replica-1") as server:
        server.says("serving:")
        yield server


def call_script(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "digits.call", *arguments], cwd=EXAMPLES, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, result


@pytest.mark.parametrize("way", [[], ["--stream"]], ids=["unary", "stream"])
def test_the_model_reads_held_out_digits_through_grpc(digits: Program, way: list[str]) -> None:
    status, result = call_script(digits.target, *way, "--min-accuracy", str(ACCURACY_MIN))
    assert status == 0, result
    assert result["answers"] == len(held_out()) == 450
    assert ACCURACY_MIN <= result["accuracy"] < 1, "a perfect score would mean that it was trained on these rows"
    assert result["replicas"] == {"replica-1": 450}


def test_the_caller_fails_when_the_accuracy_is_below_what_is_asked(digits: Program) -> None:
    status, result = call_script(digits.target, "--min-accuracy", "1")
    assert status == 1
    assert result["failed"] == 0


def test_the_caller_counts_calls_that_fail() -> None:
    status, result = call_script("127.0.0.1:1", "--timeout-s", "0.002")
    assert status == 1
    assert result["failed"] == result["calls"] == 450
    assert result["accuracy"] is None


def test_a_stream_answers_image_by_image_in_order(digits: Program) -> None:
    stub = digits_pb2_grpc.DigitsStub(digits.channel)
    images = [digits_pb2.Image(pixels=row.pixels) for row in held_out()[:20]]
    alone = [stub.Classify(digits_pb2.ClassifyRequest(image=image)) for image in images]
    streamed = list(stub.ClassifyStream(digits_pb2.ClassifyStreamRequest(images=images)))
    assert streamed == alone
    assert all(sum(answer.probabilities) == pytest.approx(1, abs=1e-5) for answer in alone)


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        ([], "got 0 numbers"),
        ([1.0] * 63, "got 63 numbers from 1 to 1"),
        ([1.0] * 63 + [17.0], "got 64 numbers from 1 to 17"),
        ([1.0] * 63 + [float("nan")], "got 64 numbers"),
    ],
)
def test_an_image_of_another_shape_is_an_invalid_argument(digits: Program, pixels: list[float], found: str) -> None:
    stub = digits_pb2_grpc.DigitsStub(digits.channel)
    image = digits_pb2.Image(pixels=pixels)
    call = stub.Classify.future(digits_pb2.ClassifyRequest(image=image))
    assert status_of(call) is grpc.StatusCode.INVALID_ARGUMENT
    assert call.details().startswith("image.pixels: expected 64 numbers from 0 to 16 (8 rows of 8), " + found)
    stream = stub.ClassifyStream(digits_pb2.ClassifyStreamRequest(images=[digits_pb2.Image(pixels=[0.0] * 64), image]))
    next(stream)
    with pytest.raises(grpc.RpcError, match=r"images\[1\]\.pixels"):
        next(stream)


def test_a_ping_comes_back_without_the_model(digits: Program) -> None:
    answer = digits_pb2_grpc.DigitsStub(digits.channel).Ping(digits_pb2.PingRequest(payload=b"hello"))
    assert answer == digits_pb2.PingResponse(payload=b"hello", replica="replica-1")


def test_a_digits_server_without_weights_says_how_to_make_them(tmp_path: Path) -> None:
    with program("-m", "digits.main", DIGITS_WEIGHTS=str(tmp_path / "none.npz")) as server:
        assert server.exit_status() == 1
        assert "make it with: python -m digits.train" in server.lines[-1]


def test_the_held_out_rows_are_the_split_s_and_the_model_never_saw_them(tmp_path: Path) -> None:
    again = tmp_path / "held_out.csv"
    write_held_out(again)
    assert again.read_text() == HELD_OUT_CSV.read_text(), "renew it with: python -m digits.train --held-out"
    rows = split()
    seen = {tuple(pixels) for pixels in rows.train_x.tolist()}
    assert not seen.intersection(tuple(row.pixels) for row in held_out())


def test_echo_answers_and_streams() -> None:
    with program("-m", "echo.main", OUTRIGGER_REPLICA_ID="replica-2") as server:
        stub = echo_pb2_grpc.EchoStub(server.channel)
        assert stub.Echo(echo_pb2.EchoRequest(payload=b"hi"), timeout=DEADLINE_S, wait_for_ready=True) == echo_pb2.EchoResponse(
            payload=b"hi", replica="replica-2"
        )
        messages = list(stub.Stream(echo_pb2.StreamRequest(count=5, size_bytes=3), timeout=DEADLINE_S))
        assert [(message.index, message.payload) for message in messages] == [(index, bytes(3)) for index in range(5)]


def test_generated_code_is_up_to_date(tmp_path: Path) -> None:
    generate.generate(tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*_pb2*"))
    assert len(made) == 8
    for path in made:
        assert (tmp_path / path).read_text() == (EXAMPLES / path).read_text(), f"{path}: renew it with: python generate.py"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["TARGET"], 0, ""),
        (["TARGET", "--service", "outrigger.examples.digits.v1.Digits"], 0, ""),
        (["TARGET", "--service", "no.such.Service"], 1, "no.such.Service: NOT_FOUND"),
        (["127.0.0.1:1"], 1, "127.0.0.1:1 as a whole: UNAVAILABLE"),
    ],
)
def test_the_check_command_tells_health_by_its_exit_status(
    digits: Program, arguments: list[str], status: int, says: str
) -> None:
    command = [sys.executable, "-m", "outrigger_sdk.check", *(word.replace("TARGET", digits.target) for word in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, says in done.stderr) == (status, True), done.stderr
