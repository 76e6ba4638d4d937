"""``python -m outrigger_sdk.check``: asks a server's health, for a Compose ``healthcheck``.

Outrigger probes replicas itself and doesn't need this. Each run costs a Python start (a tenth of a second of CPU).
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from .options import ENVIRONMENT_PREFIX, Options


def check(target: str, *, service: str = "", timeout_s: float = 2.0) -> str | None:
    """``None`` when ``service`` at ``target`` (host:port) is SERVING within ``timeout_s``; otherwise what is the case."""
    with grpc.insecure_channel(target) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_s)
        except grpc.RpcError as error:
            call: Any = error
            return f"{call.code().name}: {call.details()}"
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return None if status == "SERVING" else status


def main() -> None:
    """Exits with 0 when the server is SERVING, with 1 and one line on stderr otherwise."""
    port = os.environ.get(f"{ENVIRONMENT_PREFIX}PORT") or Options.port
    parser = argparse.ArgumentParser(prog="python -m outrigger_sdk.check", description=__doc__)
    parser.add_argument("target", nargs="?", default=f"127.0.0.1:{port}", help="host:port (default: %(default)s)")
    parser.add_argument("--service", default="", help="full name of a service; without it, the server as a whole")
    parser.add_argument("--timeout-s", type=float, default=2.0)
    given = parser.parse_args()
    problem = check(given.target, service=given.service, timeout_s=given.timeout_s)
    if problem is not None:
        sys.exit(f"{given.target} {given.service or 'as a whole'}: {problem}")


if __name__ == "__main__":
    main()
