"""The README's five minutes, done."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

from grpc_tools import protoc
from process import program

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_five_minutes_of_the_readme_work(tmp_path: Path) -> None:
    blocks = re.findall(r"^`([\w.]+)`[^\n]*:\n\n```\w+\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert [name for name, _ in blocks] == ["greeter.proto", "main.py", "client.py"]
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    out = [f"-I{tmp_path}", f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}"]
    assert protoc.main(["protoc", *out, "greeter.proto"]) == 0
    with program(str(tmp_path / "main.py")) as server:
        client = [sys.executable, str(tmp_path / "client.py"), server.target]
        done = subprocess.run(client, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout == "Hello, world!\n", done.stderr
        server.signal(signal.SIGTERM)
        assert server.exit_status() == 0
