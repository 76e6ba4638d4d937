"""A bare HTTP/2 client, for what a gRPC client does not show."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    Event,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
)
from lab import DEADLINE_S


class _Peer:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        self.http2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.http2.initiate_connection()

    def flush(self) -> None:
        self.socket.sendall(self.http2.data_to_send())

    def events(self) -> Iterator[Event]:
        """Until the server closes the connection."""
        self.flush()
        while received := self.socket.recv(65536):
            # The last first: after a GOAWAY nothing may be sent, not even in answer to what came before it.
            yield from sorted(self.http2.receive_data(received), key=lambda event: not isinstance(event, ConnectionTerminated))
            self.flush()


def http2_call(port: int, path: str, request: bytes, metadata: Mapping[str, str]) -> dict[str, str]:
    """Makes one unary gRPC call; returns its trailers, ``grpc-status`` among them."""
    peer = _Peer(port)
    with peer.socket:
        headers = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "test"}
        headers |= {"content-type": "application/grpc", "te": "trailers", **metadata}
        stream = peer.http2.get_next_available_stream_id()
        peer.http2.send_headers(stream, list(headers.items()))
        peer.http2.send_data(stream, b"\0" + len(request).to_bytes(4) + request, end_stream=True)
        trailers: dict[str, str] = {}
        for event in peer.events():
            # A failed call may come without a body: its trailers are then the response's headers.
            if isinstance(event, (ResponseReceived, TrailersReceived)):
                trailers |= {str(name): str(value) for name, value in event.headers or []}
            if isinstance(event, StreamEnded):
                return trailers
    raise AssertionError(f"the connection ended before the call did: {trailers}")


def pings_until_goaway(port: int, count: int) -> tuple[int, bool]:
    """Sends up to ``count`` pings as fast as they are answered. Returns the answers, and whether the server said GOAWAY."""
    peer = _Peer(port)
    with peer.socket:
        answered = 0
        peer.http2.ping(bytes(8))
        for event in peer.events():
            if isinstance(event, ConnectionTerminated):
                return answered, True
            if isinstance(event, PingAckReceived):
                answered += 1
                if answered == count:
                    return answered, False
                peer.http2.ping(bytes(8))
                peer.flush()
    return answered, True
