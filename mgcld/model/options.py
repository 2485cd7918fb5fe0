"""Every choice of the method in one frozen record, and the two presets: `paper` and `mgcl+`."""

from dataclasses import dataclass
from typing import Literal

from mgcld.model.transport import Gradient

Mode = Literal["paper", "mgcl+"]


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """The defaults are the paper's; where it is silent, our reading of it."""

    mode: Mode = "paper"
    """Which preset this began as."""
    beta: float = 5.0
    """Sharpness of the cache: φ(x) = exp(-β (1 - x))."""
    alpha: float = 1.1
    """Weight of the cache against the contrast (eq. 21)."""
    epsilon: float = 0.1
    """Entropy of the transport, in units of cosine."""
    iterations: int = 100
    """At most so many Sinkhorn iterations."""
    tolerance: float = 1e-3
    """A problem stops when its row sums are this close."""
    coarse: Literal["mean", "encoder"] = "mean"
    """R_a^c: the mean of the unit segments, or the encoder's own feature of the whole window."""
    marginals: Literal["uniform", "encoder"] = "uniform"
    """How much mass an audio segment carries: all alike, or what the encoder says that it tells."""
    cache: Literal["sum", "closeness"] = "sum"
    """What the cache says for a class: the sum of its shots' affinities (eq. 2, 11), or its closeness (see `cache`)."""
    solved: float = 0.0
    """How much what the shots say with solved values counts beside that (see `solved`); where it is 0, nothing is."""
    within: float = 0.0
    """How far what the shots of one class differ in is shrunk before windows are compared with shots (see `within`)."""
    salience: Literal["clamped", "softmax"] = "clamped"
    """How explanations are weighted in eq. 14: the similarities themselves, or their softmax."""
    salience_temperature: float = 0.1
    """Of the softmax."""
    centred: bool = False
    """Whether the contrast of each class is read against what it says of the shots (see `centre_of`): some sentences
    are near to any sound, others to none."""
    contrast_scale: float = 1.0
    """Multiplies the contrast. What leave-one-out chooses (`selected`) begins at this over the root of the number of
    shots of a class: with more shots the cache is surer, the text is not."""
    initialisation: Literal["aligned", "default"] = "aligned"
    """Where W_c, W_p and W_f begin: at the encoder's alignment, or at random."""
    audio_share: float = 0.5
    """The audio's share g of an aligned fusion; the caption has 1 - g."""
    tied: bool = False
    """Whether the fine maps follow the coarse one (W_p = W_c, W_f = 1): only W_c is trained, at a tenth of the time."""
    temperature: float = 1.0
    """Multiplies the logits in the loss of training; that of predictions is calibrated."""
    self_match: Literal["keep", "mask"] = "keep"
    """Whether a training query meets its own key in the cache."""
    steps: int = 20
    """Full-batch steps of Adam."""
    learning_rate: float = 1e-4
    """Of Adam."""
    decay: float = 0.0
    """Pull of the weights towards where they began."""
    plan_gradient: Gradient = "detached"
    """Whether the gradient goes through the plan."""
    without: str = ""
    """Names of parts that are left out, for ablations, with blanks between them: `coarse_cache fine_contrast`."""
    placed: bool = False
    """Whether each recording is also heard in the place, where `_background` holds one (see `training.place`)."""
    selected: bool = False
    """Whether `contrast_scale` and `steps` are chosen by leave-one-out on the support set."""


PAPER = MethodOptions()

MGCL_PLUS = MethodOptions(
    mode="mgcl+",
    alpha=1.0,
    coarse="encoder",
    marginals="encoder",
    cache="closeness",
    solved=1.0,
    within=1.0,
    salience="softmax",
    centred=True,
    contrast_scale=2.0,
    audio_share=0.9,
    tied=True,
    temperature=8.0,
    self_match="mask",
    steps=0,  # unless leave-one-out says that training helps
    placed=True,
    selected=True,
)

PRESETS: dict[Mode, MethodOptions] = {"paper": PAPER, "mgcl+": MGCL_PLUS}
