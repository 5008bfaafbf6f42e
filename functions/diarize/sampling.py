"""A clustering that compares a sample of a long recording's voices: docs/adr/0026."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


class Sampling:
    """A mixin for pyannote's clusterings that bounds how many embeddings are compared with each other.

    pyannote chooses what can be compared; of that, evenly spread embeddings are taken. All others join the
    voice that they are nearest to, as pyannote does with what it does not compare.
    """

    most_points = sys.maxsize

    def filter_embeddings(self, *args: Any, **kwargs: Any) -> Any:
        chosen = super().filter_embeddings(*args, **kwargs)  # type: ignore[misc]  # of the class mixed with
        some = spread_evenly(len(chosen[0]), self.most_points)
        return tuple(part[some] for part in chosen)


def spread_evenly(points: int, most: int) -> Any:
    """Choose at most `most` of so many points: the first, the last and evenly spread ones between."""
    return np.linspace(0, points - 1, min(points, most)).round().astype(int)


def build_sampling(stock: Any) -> Any:
    """Build a clustering with the class, the arguments and the parameters of the given one, and sampling."""
    kind = type(f"Sampling{type(stock).__name__}", (Sampling, type(stock)), {})
    arguments = {"metric": stock.metric, "constrained_assignment": stock.constrained_assignment}
    if hasattr(stock, "plda"):
        arguments["plda"] = stock.plda
    clustering: Any = kind(**arguments)
    clustering.freeze(stock.parameters(frozen=True))
    return clustering.instantiate(stock.parameters(instantiated=True))
