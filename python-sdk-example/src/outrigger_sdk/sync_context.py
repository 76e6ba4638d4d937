"""The context that a ``def`` handler gets: ``grpc.ServicerContext`` in front of the event loop's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Any, NoReturn

import grpc

Metadata = Iterable[tuple[str, str | bytes]]


class CallEnded(Exception):
    """The caller is gone: cancelled, past its deadline, or cut off. Raised in a handler that goes on talking to it."""


class CallAborted(Exception):
    """Carries ``context.abort(...)`` out of a ``def`` handler."""

    def __init__(self, code: grpc.StatusCode, details: str, trailing: Metadata = ()) -> None:
        super().__init__(f"{code.name}: {details}")
        self.code = code
        self.details = details
        self.trailing = tuple(trailing)


class SyncContext(grpc.ServicerContext):
    """Blocking view of one call, used by one worker thread. What must happen on the event loop is sent there and waited for;
    each such wait ends when the call does."""

    def __init__(self, inner: grpc.aio.ServicerContext[Any, Any], loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._loop = loop
        self._lock = Lock()
        self._ended = False
        self._pending: Future[Any] | None = None
        self._callbacks: list[Callable[[], None]] = []

    # Used by the server.

    def end(self) -> list[Callable[[], None]]:
        """Marks the call as over and wakes the thread if it waits for the caller. Returns the callbacks that are now due."""
        with self._lock:
            self._ended = True
            pending, self._pending = self._pending, None
            callbacks, self._callbacks = self._callbacks, []
        if pending is not None:
            pending.cancel()
        return callbacks

    def write(self, message: object) -> None:
        """Sends one message of a response stream; blocks while the caller's flow-control window is full.

        Raises ``CallEnded`` when the call is over.
        """
        self._wait_for(self._inner.write(message))

    def requests(self, messages: Any) -> Iterator[Any]:
        """The request stream as a blocking iterator. Ends with the stream; raises ``CallEnded`` when the call is over."""
        end = object()
        iterator = aiter(messages)
        while (message := self._wait_for(_next_or(iterator, end))) is not end:
            yield message

    def _wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        with self._lock:
            if self._ended:
                coroutine.close()
                raise CallEnded("the call is over: its caller cancelled it or its deadline passed")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._pending = future
        try:
            return future.result()
        except BaseException as error:
            if self._ended:
                raise CallEnded("the call is over: its caller cancelled it or its deadline passed") from error
            raise
        finally:
            with self._lock:
                if self._pending is future:
                    self._pending = None

    # grpc.RpcContext

    def is_active(self) -> bool:
        return not self._ended

    def time_remaining(self) -> float:
        return self._inner.time_remaining()

    def cancel(self) -> bool:
        self.abort(grpc.StatusCode.CANCELLED, "cancelled by the server")

    def add_callback(self, callback: Callable[[], None]) -> bool:
        with self._lock:
            if self._ended:
                return False
            self._callbacks.append(callback)
            return True

    # grpc.ServicerContext

    def invocation_metadata(self) -> Any:
        return self._inner.invocation_metadata()

    def peer(self) -> str:
        return self._inner.peer()

    def peer_identities(self) -> Iterable[bytes] | None:
        return self._inner.peer_identities()

    def peer_identity_key(self) -> str | None:
        return self._inner.peer_identity_key()

    def auth_context(self) -> Mapping[str, Any]:
        return self._inner.auth_context()

    def set_compression(self, compression: grpc.Compression) -> None:
        self._inner.set_compression(compression)

    def disable_next_message_compression(self) -> None:
        self._inner.disable_next_message_compression()

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        self._wait_for(self._inner.send_initial_metadata(initial_metadata))

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._inner.set_trailing_metadata(trailing_metadata)

    def trailing_metadata(self) -> Any:
        return self._inner.trailing_metadata()

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise CallAborted(code, details, self._inner.trailing_metadata() or ())

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        raise CallAborted(status.code, status.details, status.trailing_metadata or ())

    def set_code(self, code: grpc.StatusCode) -> None:
        self._inner.set_code(code)

    def set_details(self, details: str) -> None:
        self._inner.set_details(details)

    def code(self) -> Any:
        return self._inner.code()

    def details(self) -> Any:
        return self._inner.details()


async def _next_or(iterator: Any, end: object) -> Any:
    return await anext(iterator, end)
