"""A program for tests: serves ``Lab`` with handlers and a warm-up that wait for a line on standard input."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from lab import Lab, add_lab_to_server

from outrigger_sdk import serve


class Held(Lab):
    def Unary(self, request: bytes, context: Any) -> bytes:
        print("handler began:", request.decode(), file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().encode()

    def Stream(self, request: bytes, context: Any) -> Iterator[bytes]:
        yield b"first"
        yield sys.stdin.readline().strip().encode()


def warmup() -> None:
    match os.environ.get("HELD_WARMUP"):
        case "fail":
            raise OSError("no weights")
        case "hold":
            print("warm-up began", file=sys.stderr, flush=True)
            sys.stdin.readline()
        case "hang":
            threading.Event().wait()


if __name__ == "__main__":
    serve(Held(), add_lab_to_server, warmup=warmup, port=1, host="127.0.0.1")
