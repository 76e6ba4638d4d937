"""What happens in the thread of a ``def`` handler."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .sync_context import CallAborted, CallEnded, SyncContext

_log = logging.getLogger("outrigger_sdk")


@dataclass(frozen=True, kw_only=True)
class Method:
    """One RPC of the user's servicer."""

    path: str
    function: Callable[[Any, Any], Any]
    request_streaming: bool
    response_streaming: bool
    is_async: bool


@dataclass(frozen=True)
class Returned:
    """The handler came to its end; a stream's response is ``None``, its messages were sent."""

    response: Any


@dataclass(frozen=True)
class Failed:
    """The handler raised: ``CallAborted``, ``CallEnded``, or an error of its own."""

    error: Exception


def run_in_thread(method: Method, request: Any, context: SyncContext) -> Returned | Failed:
    """Runs a ``def`` handler from its first line to its last, streams included; blocks. Never raises."""
    # An outcome, not an exception: a StopIteration or SystemExit out of a handler would go through the event loop otherwise.
    try:
        result = method.function(request, context)
        if inspect.isawaitable(result) or hasattr(result, "__aiter__"):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError(f"{method.path} gave {type(result).__name__}: declare it `async def`")
        if not method.response_streaming:
            return Returned(result)
        try:
            for response in result:
                context.write(response)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        return Returned(None)
    except Exception as error:
        return Failed(error)
    except BaseException as error:
        return Failed(RuntimeError(f"the handler raised {error!r}"))


def log_late(method: Method, work: asyncio.Future[Returned | Failed]) -> None:
    """Logs the error of a handler whose caller had left before it ended, and whom nobody waits for."""
    if work.cancelled():
        return
    outcome = work.result()
    if isinstance(outcome, Failed) and not isinstance(outcome.error, (CallEnded, CallAborted)):
        _log.error("handler failed after its caller left: method=%s", method.path, exc_info=outcome.error)
