"""The rows that the model has never seen, from ``held_out.csv``: the digit, then 64 pixels. Standard library only."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

HELD_OUT_CSV = Path(__file__).with_name("held_out.csv")


class Row(NamedTuple):
    """One image and what it shows; ``pixels`` are 64 numbers from 0 to 16."""

    digit: int
    pixels: list[float]


def held_out(path: Path = HELD_OUT_CSV) -> list[Row]:
    """All rows of the file, in its order."""
    with path.open(newline="") as lines:
        return [Row(int(cells[0]), [float(cell) for cell in cells[1:]]) for cells in csv.reader(lines)]
