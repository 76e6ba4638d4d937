"""Trains the model and writes its weights as ``model/weights.npz``; with ``--held-out``, the held-out rows as CSV instead.

Runs when the image is built. scikit-learn is needed here and nowhere else: the server multiplies the weights with numpy alone,
which starts in a fraction of the time and leaves scipy and scikit-learn out of the image.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from digits.held_out import HELD_OUT_CSV
from digits.model import WEIGHTS, Model
from digits.split import SEED, split

ACCURACY_MIN = 0.95


def train(path: Path) -> float:
    """Writes the weights to ``path``; returns the share of held-out rows that the written file gets right.

    Raises ``SystemExit`` when that is below 0.95: such a model must not end up in an image.
    """
    from sklearn.neural_network import MLPClassifier

    rows = split()
    network = MLPClassifier(hidden_layer_sizes=(128,), alpha=0.1, max_iter=400, random_state=SEED)
    network.fit(rows.train_x / 16, rows.train_y)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    for layer, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        arrays[f"weights_{layer}"] = weights.astype(np.float32)
        arrays[f"bias_{layer}"] = bias.astype(np.float32)
    np.savez(path, allow_pickle=False, **arrays)
    guesses = Model.load(path).probabilities(rows.test_x).argmax(axis=1)
    accuracy = float((guesses == rows.test_y).mean())
    if accuracy < ACCURACY_MIN:
        raise SystemExit(f"{path}: accuracy {accuracy:.3f} on held-out rows, expected at least {ACCURACY_MIN}")
    return accuracy


def write_held_out(path: Path) -> None:
    """Writes the held-out rows: the digit, then its 64 pixels, as whole numbers."""
    rows = split()
    lines = [
        ",".join(str(int(number)) for number in (digit, *pixels))
        for digit, pixels in zip(rows.test_y, rows.test_x, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", action="store_true", help=f"write {HELD_OUT_CSV.name} and train nothing")
    if parser.parse_args().held_out:
        write_held_out(HELD_OUT_CSV)
    else:
        print(json.dumps({"weights": str(WEIGHTS), "accuracy": round(train(WEIGHTS), 4)}))
