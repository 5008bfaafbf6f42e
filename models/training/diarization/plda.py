"""PLDA for the new embedding: `python -m models.training.diarization.plda`.

Embeddings are centred and reduced by LDA to 64 dimensions; then within- and between-class covariance are
diagonalised together (Ioffe, 2006). The result is the two files that pyannote.audio's VBx clustering reads.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import eigh

from models.training.corpus import load_corpus
from models.training.diarization.checkpoints import BUILD, SHIPPED, build_embedding
from models.training.diarization.embedding import masked_batch
from models.training.diarization.mixes import Mixer

BATCHES, BATCH, LENGTH_S, DIMENSIONS, RIDGE = 150, 16, 5.0, 64, 1e-3
Doubles = npt.NDArray[np.float64]


def normalise(vectors: Doubles, mean: Doubles) -> Doubles:
    centred = vectors - mean
    return np.sqrt(vectors.shape[1]) * centred / np.linalg.norm(centred, axis=1, keepdims=True)


def scatter(vectors: Doubles, voices: npt.NDArray[np.int64]) -> tuple[Doubles, Doubles, Doubles]:
    """Compute the mean, the within-voice and the between-voice covariance."""
    mean = vectors.mean(0)
    within, between = (np.zeros((vectors.shape[1],) * 2) for _ in range(2))
    names = np.unique(voices)
    for name in names:
        own = vectors[voices == name]
        within += (own - own.mean(0)).T @ (own - own.mean(0))
        between += np.outer(own.mean(0) - mean, own.mean(0) - mean)
    return mean, within / (len(vectors) - len(names)), between / len(names)


def ridge(matrix: Doubles) -> Doubles:
    return matrix + np.eye(len(matrix)) * RIDGE * np.trace(matrix) / len(matrix)


def fit(vectors: Doubles, voices: npt.NDArray[np.int64]) -> tuple[dict[str, Doubles], dict[str, Doubles]]:
    first_mean = vectors.mean(0)
    whitened = normalise(vectors, first_mean)
    _, within, between = scatter(whitened, voices)
    lda = eigh(between, ridge(within))[1][:, ::-1][:, :DIMENSIONS]
    second_mean = (whitened @ lda).mean(0)
    reduced = normalise(whitened @ lda, second_mean)
    mean, within, between = scatter(reduced, voices)
    between -= within / (len(reduced) / len(np.unique(voices)))  # a mean of few samples scatters by chance
    values, axes = np.linalg.eigh(between)
    between = (axes * np.maximum(values, RIDGE * values.max())) @ axes.T
    psi, axes = eigh(between, ridge(within))
    transform = {"mean1": first_mean, "mean2": second_mean, "lda": lda}
    return transform, {"mu": mean, "tr": axes.T[::-1], "psi": psi[::-1]}


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    model = build_embedding()
    model.load_state_dict(torch.load(BUILD / "embedding.pt"))
    model.eval()
    mixer = Mixer(load_corpus(split="train"), seed=11)
    vectors, voices = [], []
    for _ in range(BATCHES):
        samples, masks, labels = masked_batch(mixer, BATCH, LENGTH_S)
        counted = labels >= 0
        vectors.append(model(samples, weights=masks)[counted].double().numpy())
        voices.append(labels[counted].numpy())
    transform, plda = fit(np.concatenate(vectors), np.concatenate(voices))
    folder = SHIPPED / "plda"
    folder.mkdir(parents=True, exist_ok=True)
    for name, arrays in (("xvec_transform", transform), ("plda", plda)):
        np.savez(folder / f"{name}.npz", **{key: value.astype(np.float32) for key, value in arrays.items()})
    print(f"{sum(map(len, vectors))} embeddings; first between-voice variances {plda['psi'][:5].round(1)}")


if __name__ == "__main__":
    main()
