"""Calls ``Digits`` on the held-out rows with stock grpcio and prints what came of it as one line of JSON.

Each target is anything that a gRPC channel takes: ``host:port``, ``ipv4:10.0.0.2:80,10.0.0.3:80``, ``dns:///digits:50051``.
Calls go to the targets in turn; within a target gRPC itself balances over what the name resolves to.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from itertools import cycle

import grpc

from digits import digits_pb2, digits_pb2_grpc
from digits.held_out import Row, held_out

# With this a caller notices neither a replica that goes away nor a full one. CANCELLED is how gRPC answers calls that cross the
# GOAWAY of a server that stops (grpc/grpc#41785).
SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": "outrigger.examples.digits.v1.Digits"}],
            "waitForReady": True,
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"],
            },
        }
    ],
}


def call(targets: list[str], *, rows: list[Row], seconds: float, stream: bool, timeout_s: float) -> dict[str, object]:
    """Classifies every row once, then goes on from the first row until ``seconds`` have passed.

    A failed call is counted, not raised. Returns calls, correct, accuracy (of what was answered), failed with a count for
    each status, answers for each replica, and the median and 99th percentile of a call in milliseconds.
    """
    options = [
        ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
        ("grpc.max_receive_message_length", -1),
    ]
    stubs = [digits_pb2_grpc.DigitsStub(grpc.insecure_channel(target, options)) for target in targets]
    turns = cycle(stubs)
    correct = 0
    replicas: Counter[str] = Counter()
    models: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    took_ms: list[float] = []
    size = 50 if stream else 1
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    end = time.monotonic() + seconds
    remaining = len(batches)
    for batch in cycle(batches):
        if remaining <= 0 and time.monotonic() >= end:
            break
        remaining -= 1
        started = time.perf_counter()
        images = [digits_pb2.Image(pixels=row.pixels) for row in batch]
        stub = next(turns)
        try:
            if stream:
                answers = list(stub.ClassifyStream(digits_pb2.ClassifyStreamRequest(images=images), timeout=timeout_s))
            else:
                answers = [stub.Classify(digits_pb2.ClassifyRequest(image=images[0]), timeout=timeout_s)]
        except grpc.RpcError as error:
            failures[f"{error.code().name}: {error.details()}"] += 1
            continue
        took_ms.append((time.perf_counter() - started) * 1000)
        for row, answer in zip(batch, answers, strict=True):
            correct += answer.digit == row.digit
            replicas[answer.replica] += 1
            models[answer.model] += 1
    took_ms.sort()
    answered = sum(replicas.values())
    return {
        "calls": len(took_ms) + sum(failures.values()),
        "failed": sum(failures.values()),
        "failures": dict(failures),
        "answers": answered,
        "correct": correct,
        "accuracy": round(correct / answered, 4) if answered else None,
        "median_ms": round(took_ms[len(took_ms) // 2], 3) if took_ms else None,
        "p99_ms": round(took_ms[len(took_ms) * 99 // 100], 3) if took_ms else None,
        "replicas": dict(replicas),
        "models": dict(models),
    }


def main() -> None:
    """Exits with 1 when a call failed or the accuracy is below ``--min-accuracy``."""
    parser = argparse.ArgumentParser(
        prog="python -m digits.call", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    parser.add_argument("--stream", action="store_true", help="use ClassifyStream, 50 images a call")
    parser.add_argument("--seconds", type=float, default=0.0, help="go on for as long (default: every row once)")
    parser.add_argument("--timeout-s", type=float, default=10.0, help="deadline of each call (default: %(default)s)")
    parser.add_argument("--min-accuracy", type=float, default=0.0)
    given = parser.parse_args()
    result = call(given.targets, rows=held_out(), seconds=given.seconds, stream=given.stream, timeout_s=given.timeout_s)
    print(json.dumps(result))
    accuracy = result["accuracy"]
    if result["failed"] or not isinstance(accuracy, float) or accuracy < given.min_accuracy:
        sys.exit(1)


if __name__ == "__main__":
    main()
