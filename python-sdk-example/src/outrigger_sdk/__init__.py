"""Serve any servicer generated from your ``.proto`` as a well-behaved replica.

``serve`` is what a ``main`` calls; ``Server`` is the same thing without signals and without exiting, for embedding and for
tests. Handlers run **serially** unless you say ``concurrency=n`` or write them as ``async def``.
"""

from .load import CallLoad, LoadReport
from .options import Options, OptionsError
from .serve import serve
from .server import Server, WarmupFailed

__all__ = ["CallLoad", "LoadReport", "Options", "OptionsError", "Server", "WarmupFailed", "serve"]
