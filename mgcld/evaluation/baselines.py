"""What a user could do without the method, on the same frozen features: logits of every question, all tasks at once.

Every hyper-parameter comes from the support set or is a published default; no question is looked at.
"""

import torch
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor

from mgcld.evaluation.tasks import Tasks

Logits = Float[Tensor, "tasks queries classes"]
SHARES = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Of the text in a centroid of audio and text, to choose from by leave-one-out."""
USUAL_SHARE = 0.5
"""With one shot nothing can be left out; this share did best on the classes that the encoder's makers kept aside."""
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""C of the logistic regression, to choose from by cross-validation within the support set."""
USUAL_STRENGTH = 10.0
FOLDS = 3


def zero_shot_by_name(tasks: Tasks) -> Logits:
    """Cosine to "the sound of <name>"; no shot is used."""
    return tasks.spoken(tasks.queries, tasks.names)


def zero_shot_by_explanations(tasks: Tasks) -> Logits:
    """Cosine to the mean of a class's explanations; no shot is used."""
    return tasks.spoken(tasks.queries, tasks.sentences)


def nearest_neighbour(tasks: Tasks) -> Logits:
    """Cosine to the nearest shot of each class."""
    near = tasks.queries @ tasks.shots.mT
    return near.reshape(*near.shape[:2], tasks.way, tasks.per_class).amax(3)


def prototype(tasks: Tasks) -> Logits:
    """Cosine to the mean of each class's shots."""
    return tasks.queries @ _centroids(tasks).mT


def audio_and_text_centroid(tasks: Tasks) -> Logits:
    """Cosine to the centroid plus a share of the cosine to the explanations.

    In a joint space this is the centroid of shots and text. The share is the one that names most left-out shots (of
    several the smallest); with one shot it is `USUAL_SHARE`.
    """
    share = torch.full((len(tasks.shots),), USUAL_SHARE)
    if tasks.per_class > 1:
        audio, text = _left_out_centroids(tasks), tasks.spoken(tasks.shots, tasks.sentences)
        right = torch.stack([((audio + s * text).argmax(2) == tasks.labels).float().mean(1) for s in SHARES])
        share = torch.tensor(SHARES)[right.argmax(0)]
    return prototype(tasks) + share[:, None, None] * zero_shot_by_explanations(tasks)


def _centroids(tasks: Tasks) -> Float[Tensor, "tasks classes audio"]:
    return torch.nn.functional.normalize(tasks.values.T @ tasks.shots, dim=-1)


def _left_out_centroids(tasks: Tasks) -> Float[Tensor, "tasks shots classes"]:
    """Cosine of each shot to each class's centroid, its own class's without the shot itself."""
    near = tasks.shots @ _centroids(tasks).mT
    sums = (tasks.values.T @ tasks.shots)[:, tasks.labels] - tasks.shots
    own = (torch.nn.functional.normalize(sums, dim=-1) * tasks.shots).sum(-1, keepdim=True)
    return torch.where(tasks.values > 0, own, near)


def logistic_regression(tasks: Tasks) -> Logits:
    """scikit-learn's, on unit features; C by cross-validation within the support set (10 with one shot)."""
    with threadpool_limits(1):  # such small problems lose time to more threads
        return torch.stack([_regressed(tasks, i) for i in range(len(tasks.shots))])


def _regressed(tasks: Tasks, index: int) -> Float[Tensor, "queries classes"]:
    # The weights lie in the span of the shots, so its coordinates are all that the fit needs: much faster, the same.
    span = torch.linalg.qr(tasks.shots[index].T).Q
    shots, queries, labels = tasks.shots[index] @ span, tasks.queries[index] @ span, tasks.labels
    strength = USUAL_STRENGTH
    if tasks.per_class > 1:
        turns = torch.arange(len(labels)) % tasks.per_class % FOLDS
        strength = max(STRENGTHS, key=lambda c: _cross_validated(shots, labels, turns, c))
    return _fitted(shots, labels, queries, strength)


def _cross_validated(shots: Tensor, labels: Tensor, turns: Tensor, strength: float) -> float:
    """Log-likelihood of left-out shots."""
    total = 0.0
    for turn in range(int(turns.max()) + 1):
        out = turns == turn
        answers = _fitted(shots[~out], labels[~out], shots[out], strength).log_softmax(1)
        total += float(answers.gather(1, labels[out][:, None]).sum())
    return total


def _fitted(shots: Tensor, labels: Tensor, queries: Tensor, strength: float) -> Float[Tensor, "queries classes"]:
    model = LogisticRegression(C=strength, max_iter=200).fit(shots.numpy(), labels.numpy())
    # Of two classes scikit-learn gives one score; log-probabilities have a column for each.
    return torch.from_numpy(model.predict_log_proba(queries.numpy())).float()
