"""Servers in processes of their own, for what only a process shows: signals and exit statuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from lab import DEADLINE_S, LabStub, wait_until

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"


class Program:
    """A running program; its standard error is read along."""

    def __init__(self, *arguments: str, environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=HERE,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(HERE), str(EXAMPLES)]),
                "OUTRIGGER_SERVE_PORT": "0",
                "OUTRIGGER_SERVE_LINGER_S": "0",
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._channel: grpc.Channel | None = None

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def says(self, pattern: str) -> re.Match[str]:
        """Waits until standard error has a line with ``pattern``."""

        def found() -> re.Match[str] | None:
            return re.search(pattern, self.text)

        wait_until(
            lambda: found() is not None or self.process.poll() is not None,
            lambda: f"no {pattern!r} in:\n{self.text}",
        )
        self._reader.join(DEADLINE_S if self.process.poll() is not None else 0)
        match = found()
        assert match is not None, f"it ended with {self.process.returncode} without {pattern!r}:\n{self.text}"
        return match

    def send(self, line: str) -> None:
        """Writes a line to standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def exit_status(self) -> int:
        """Waits for the end."""
        status = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return status

    @property
    def target(self) -> str:
        port = self.says(r"listening: .* port=(\d+)")[1]
        return f"127.0.0.1:{port}"

    @property
    def channel(self) -> grpc.Channel:
        if self._channel is None:
            self._channel = grpc.insecure_channel(self.target)
        return self._channel

    @property
    def stub(self) -> LabStub:
        return LabStub(self.channel)

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        for pipe in (self.process.stdin, self.process.stderr):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue


@contextmanager
def program(*arguments: str, **environment: str) -> Iterator[Program]:
    """Runs a Python program with ``arguments``; it doesn't outlive the block."""
    running = Program(*arguments, environment=environment)
    try:
        yield running
    finally:
        running.close()
