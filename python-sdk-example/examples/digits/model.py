"""The network, with numpy alone: 64 pixels, one hidden layer, ten digits."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WEIGHTS = Path(os.environ.get("DIGITS_WEIGHTS") or Path(__file__).with_name("model") / "weights.npz")
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """Weights that don't change; safe to use from several threads."""

    layers: tuple[tuple[Floats, Floats], ...]
    version: str
    """The first 12 hexadecimal digits of the SHA-256 of the weights' bytes."""

    @staticmethod
    def load(path: Path = WEIGHTS) -> Model:
        """Reads what ``train.py`` wrote. Raises ``FileNotFoundError`` with the command that makes the file."""
        if not path.exists():
            raise FileNotFoundError(f"{path} isn't there; make it with: python -m digits.train")
        with np.load(path, allow_pickle=False) as arrays:
            count = len(arrays.files) // 2
            layers = tuple((arrays[f"weights_{n}"], arrays[f"bias_{n}"]) for n in range(count))
        digest = hashlib.sha256()
        for weights, bias in layers:
            digest.update(weights.tobytes())
            digest.update(bias.tobytes())
        return Model(layers, digest.hexdigest()[:12])

    def probabilities(self, pixels: object) -> Floats:
        """``pixels`` is [rows, 64], 0 to 16; the result [rows, 10], each row adding up to 1."""
        values = np.asarray(pixels, dtype=np.float32) / 16
        for weights, bias in self.layers[:-1]:
            values = np.maximum(values @ weights + bias, 0)
        weights, bias = self.layers[-1]
        scores = values @ weights + bias
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        result: Floats = scores / scores.sum(axis=1, keepdims=True)
        return result
