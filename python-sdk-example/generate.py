"""Generates the Python code of the examples' ``.proto`` files, in place or, with a folder as argument, into that.

The result is committed, so that an image needs no compiler; a test generates it again and compares.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE / "examples"
PLUGINS = Path(sysconfig.get_path("scripts"))
PROTOS = ["echo/echo.proto", "digits/digits.proto"]


def generate(target: Path) -> None:
    """Writes ``*_pb2.py``, ``*_pb2_grpc.py`` and their stubs below ``target``. Raises ``RuntimeError`` when protoc fails."""
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={EXAMPLES}",
            f"--plugin=protoc-gen-mypy={PLUGINS / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={PLUGINS / 'protoc-gen-mypy_grpc'}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet:{target}",
            *PROTOS,
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc ended with {status}; its message is above")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLES)
