"""What can be set about a server, checked in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

ENVIRONMENT_PREFIX = "OUTRIGGER_SERVE_"
ASYNC_CONCURRENCY = 100
"""How many ``async def`` handlers run at the same time when no ``concurrency`` is given."""


class OptionsError(ValueError):
    """An option has a value that cannot be used. The message names the option, the value and what was expected."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a server listens, bounds its work and stops. Every field has a default that is right for one model on one device.

    Raises ``OptionsError`` when a value is out of range.
    """

    host: str = "[::]"
    """Address to listen on; ``[::]`` is every address, IPv4 and IPv6."""

    port: int = 50051
    """TCP port; 0 lets the kernel choose a free one (``Server.port`` then says which)."""

    concurrency: int | None = None
    """How many handlers run at the same time. ``None``: one for ``def`` handlers (serial), 100 for ``async def``."""

    queue: int = 64
    """How many admitted calls may wait for a free slot; one more is answered RESOURCE_EXHAUSTED with a retry pushback."""

    grace_s: float = 9.0
    """Seconds that running and queued calls have to finish once the server is told to stop. Docker kills 10 s after SIGTERM
    unless ``stop_grace_period`` says otherwise; keep this just below it."""

    linger_s: float = 2.0
    """Of these, seconds at most in which a server told to stop still takes calls, while health already says NOT_SERVING: it
    stops taking them as soon as none has come for half a second. Clients that watch health, or are told by a control plane,
    leave in this time without losing a call."""

    warmup_timeout_s: float = 600.0
    """Seconds that the warm-up hook may take before it counts as failed."""

    max_message_bytes: int | None = None
    """Largest message received or sent. ``None``: no limit of ours (protobuf itself ends at 2 GiB). A queued call holds its
    request in memory: the worst case is ``(queue + concurrency) * max_message_bytes``."""

    def __post_init__(self) -> None:
        _check("host", self.host, "an address such as [::] or 127.0.0.1", self.host != "")
        _check("port", self.port, "a whole number from 0 to 65535", 0 <= self.port <= 65535)
        _check(
            "concurrency",
            self.concurrency,
            "a whole number of at least 1",
            self.concurrency is None or self.concurrency >= 1,
        )
        _check("queue", self.queue, "a whole number of at least 0", self.queue >= 0)
        _check("grace_s", self.grace_s, "seconds, at least 0", self.grace_s >= 0)
        _check("warmup_timeout_s", self.warmup_timeout_s, "seconds, above 0", self.warmup_timeout_s > 0)
        _check(
            "max_message_bytes",
            self.max_message_bytes,
            "bytes, at least 1",
            self.max_message_bytes is None or self.max_message_bytes >= 1,
        )


def override_from(environ: Mapping[str, str], options: Options) -> Options:
    """Returns ``options`` with every ``OUTRIGGER_SERVE_<FIELD>`` of ``environ`` put in its place.

    The environment wins over the program: whoever runs the container tunes it without building it again. An empty value
    counts as absent, because Compose passes an unset variable on as one.

    Raises ``OptionsError`` for a value of the wrong form and for an unknown ``OUTRIGGER_SERVE_`` name.
    """
    fields = {field.name: field for field in dataclasses.fields(Options)}
    changes: dict[str, object] = {}
    for name, text in environ.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or text == "":
            continue
        key = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if key not in fields:
            known = ", ".join(ENVIRONMENT_PREFIX + known.upper() for known in fields)
            raise OptionsError(f"{name} is not an option of this server; known are {known}")
        changes[key] = _parse(name, key, text)
    return dataclasses.replace(options, **changes)  # type: ignore[arg-type]  # _parse gives each field its own type


def _parse(name: str, key: str, text: str) -> str | int | float:
    if key == "host":
        return text
    wants_float = key.endswith("_s")
    try:
        return float(text) if wants_float else int(text)
    except ValueError:
        kind = "a number of seconds" if wants_float else "a whole number"
        raise OptionsError(f"{name} is {text!r}, expected {kind}") from None


def _check(name: str, value: object, expected: str, holds: bool) -> None:
    if not holds:
        variable = ENVIRONMENT_PREFIX + name.upper()
        raise OptionsError(f"{name} is {value!r}, expected {expected} (argument {name} or {variable})")
