"""The one place that decides which rows the model learns from and which are held out."""

from __future__ import annotations

from typing import Any, NamedTuple

SEED = 582
HELD_OUT_SHARE = 0.25


class Split(NamedTuple):
    """Rows of scikit-learn's ``load_digits`` (1,797 images of 8 x 8 pixels, 0 to 16; UCI "Optical Recognition of Handwritten
    Digits", CC BY 4.0, shipped inside scikit-learn). ``x`` is float64 [rows, 64], ``y`` int [rows]."""

    train_x: Any
    test_x: Any
    train_y: Any
    test_y: Any


def split() -> Split:
    """The same split every time: a quarter is held out, with every digit in its proportion."""
    # Here, not above: whoever only serves or calls the model does without scikit-learn.
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    return Split(*train_test_split(x, y, test_size=HELD_OUT_SHARE, random_state=SEED, stratify=y))
