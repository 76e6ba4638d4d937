"""Serves ``Digits``."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc

from digits import digits_pb2, digits_pb2_grpc
from outrigger_sdk import serve

if TYPE_CHECKING:
    from digits.model import Model

PIXELS = 64
REPLICA = os.environ.get("OUTRIGGER_REPLICA_ID") or socket.gethostname()


class Digits(digits_pb2_grpc.DigitsServicer):
    """``def`` handlers: one at a time, unless OUTRIGGER_SERVE_CONCURRENCY says otherwise."""

    def __init__(self) -> None:
        self._model: Model | None = None

    def load(self) -> None:
        """The warm-up hook: reads the weights and runs them once, so that the first caller waits for neither.

        Raises ``FileNotFoundError`` when the model was not trained.
        """
        # numpy takes longer to import than all the rest; health already answers NOT_SERVING meanwhile.
        from digits.model import Model

        model = Model.load()
        model.probabilities([[0.0] * PIXELS])
        self._model = model

    def Classify(self, request: digits_pb2.ClassifyRequest, context: grpc.ServicerContext) -> digits_pb2.ClassifyResponse:
        return self._classify(request.image, "image", context)

    def ClassifyStream(
        self, request: digits_pb2.ClassifyStreamRequest, context: grpc.ServicerContext
    ) -> Iterator[digits_pb2.ClassifyResponse]:
        for index, image in enumerate(request.images):
            yield self._classify(image, f"images[{index}]", context)

    def Ping(self, request: digits_pb2.PingRequest, context: grpc.ServicerContext) -> digits_pb2.PingResponse:
        return digits_pb2.PingResponse(payload=request.payload, replica=REPLICA)

    def _classify(self, image: digits_pb2.Image, name: str, context: grpc.ServicerContext) -> digits_pb2.ClassifyResponse:
        assert self._model is not None, "calls are refused until load() has returned"
        pixels = image.pixels
        if len(pixels) != PIXELS or not all(math.isfinite(pixel) and 0 <= pixel <= 16 for pixel in pixels):
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"{name}.pixels: expected {PIXELS} numbers from 0 to 16 (8 rows of 8), got {len(pixels)} numbers"
                + (f" from {min(pixels):g} to {max(pixels):g}" if pixels else ""),
            )
        probabilities = self._model.probabilities([pixels])[0]
        return digits_pb2.ClassifyResponse(
            digit=int(probabilities.argmax()),
            probabilities=probabilities.tolist(),
            model=self._model.version,
            replica=REPLICA,
        )


def main() -> None:
    digits = Digits()
    serve(digits, digits_pb2_grpc.add_DigitsServicer_to_server, warmup=digits.load)


if __name__ == "__main__":
    main()
