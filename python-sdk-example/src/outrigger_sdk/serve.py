"""The one call of a model server's ``main``."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from .options import Options, OptionsError, override_from
from .server import AddToServer, Server, Warmup, WarmupFailed

_log = logging.getLogger("outrigger_sdk")


def serve(
    servicer: Any,
    add_to_server: AddToServer,
    *,
    also: Sequence[tuple[Any, AddToServer]] = (),
    warmup: Warmup | None = None,
    options: Options | None = None,
    **given: Any,
) -> None:
    """Serves ``servicer`` until SIGTERM or SIGINT, then drains and returns.

    ::

        serve(Digits(), digits_pb2_grpc.add_DigitsServicer_to_server, warmup=load)

    - Handlers run **serially**: one ``def`` handler at a time, a streaming one until its stream ends. ``concurrency=n`` runs n
      in n threads. ``async def`` handlers share the event loop, up to 100 at a time (or ``concurrency``).
    - Up to ``queue`` more calls wait, first come first served; one more is answered RESOURCE_EXHAUSTED with the trailing
      metadata ``grpc-retry-pushback-ms``. A waiting call whose caller cancels, or whose deadline passes, never runs.
    - ``warmup`` runs before health says SERVING; ``def`` hooks run in a handler thread, ``async def`` ones on the loop.
    - On SIGTERM health says NOT_SERVING; calls are still taken while they come, for ``linger_s`` at most; what runs or waits
      has ``grace_s`` seconds to finish. A second signal ends that.

    Keyword arguments are the fields of ``Options``; ``OUTRIGGER_SERVE_<FIELD>`` in the environment wins over them. ``also``
    takes further (servicer, add_to_server) pairs, under the same bounds.

    Returns after a drain; leaves the process with 0 itself when a ``def`` handler outlives the grace. Raises ``SystemExit``
    with status 1 and one line on stderr when an option is wrong, the port is taken, or the warm-up hook fails. Call it from
    the main thread.
    """
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    try:
        chosen = override_from(os.environ, Options(**given) if options is None else options)
    except OptionsError as error:
        _fail(str(error))
    if options is not None and given:
        raise TypeError(f"give options or {sorted(given)}, not both")
    failure, stuck = asyncio.run(_serve([(servicer, add_to_server), *also], options=chosen, warmup=warmup))
    if failure is not None:
        sys.stderr.write(f"outrigger_sdk: {failure}\n")
    if stuck:
        # Python would wait for the worker thread for ever.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0 if failure is None else 1)
    if failure is not None:
        sys.exit(1)


async def _serve(
    services: list[tuple[Any, AddToServer]], *, options: Options, warmup: Warmup | None
) -> tuple[str | None, bool]:
    """Returns what went wrong, if anything, and whether a thread is left that won't end by itself."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        _log.info("signal: name=%s", number.name)
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)

    server = Server(services, options=options, warmup=warmup)
    try:
        await server.listen()
    except RuntimeError as error:
        return (
            f"cannot listen on {options.host}:{options.port}: {error}; is the port in use? "
            "Set port or OUTRIGGER_SERVE_PORT to a free one",
            False,
        )
    warming = asyncio.create_task(server.warm_up())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([warming, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not warming.done():
        # Told to stop before it served anything: there is nothing to finish.
        warming.cancel()
        await server.drain(0)
        return None, True
    try:
        warming.result()
    except WarmupFailed as error:
        stopping.cancel()
        _log.error("warm-up failed", exc_info=error.__cause__)
        await server.drain(0)
        return f"not serving: {error}", True
    await stopping
    await server.drain(hurry=hurry)
    return None, server.busy_threads


def _fail(message: str) -> None:
    sys.stderr.write(f"outrigger_sdk: {message}\n")
    sys.exit(1)
