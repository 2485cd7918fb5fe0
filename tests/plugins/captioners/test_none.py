import torch
from heard import windows
from mgcld_plugins.captioners.none import NoCaptioner
from mgcld_plugins.encoders.mini import MiniEncoder

from mgcld.data import AudioFeatures
from mgcld.interfaces import Captioner


def test_no_captioner_has_nothing_to_say_of_any_window() -> None:
    captioner = NoCaptioner(MiniEncoder("cpu"))
    assert isinstance(captioner, Captioner)
    heard = AudioFeatures(torch.zeros(3, 2, 4), torch.full((3, 2), 0.5), torch.zeros(3, 4))
    assert list(captioner.caption(windows(3), heard)) == [None, None, None]
