"""A data set on disk, whichever layout it has: clips with their class, official fold and source recording."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mgcld.errors import DataSetError
from mgcld.evaluation import layouts
from mgcld.evaluation.layouts import Clip, LayoutError

Layout = Literal["esc50", "fsdkaggle18", "urbansound8k", "folder"]


@dataclass(frozen=True, slots=True)
class DataSet:
    """Which recordings there are; nothing has been opened yet."""

    folder: Path
    layout: Layout
    classes: tuple[str, ...]
    """In alphabetical order."""
    clips: tuple[Clip, ...]

    @property
    def folds(self) -> tuple[str, ...]:
        """The official folds, sorted; empty where clips have none."""
        return tuple(sorted({clip.fold for clip in self.clips if clip.fold is not None}, key=_numeric))

    @property
    def title(self) -> str:
        """For headings: the layout, or the folder's name."""
        named = {"esc50": "ESC-50", "fsdkaggle18": "FSDKaggle2018", "urbansound8k": "UrbanSound8K"}
        return named.get(self.layout, self.folder.resolve().name)


_READERS: dict[Layout, tuple[Callable[[Path], bool], Callable[[Path], list[Clip]]]] = {
    "esc50": (layouts.is_esc50, layouts.esc50),
    "fsdkaggle18": (layouts.is_fsdkaggle18, layouts.fsdkaggle18),
    "urbansound8k": (layouts.is_urbansound8k, layouts.urbansound8k),
    "folder": (layouts.is_folder_of_classes, layouts.folder_of_classes),
}

_LOOKED_FOR = """one of these was looked for:
  ESC-50         meta/esc50.csv and audio/
  FSDKaggle2018  FSDKaggle2018.meta/train_post_competition.csv and FSDKaggle2018.audio_train/ (and ..._test)
  UrbanSound8K   metadata/UrbanSound8K.csv and audio/fold1/ to audio/fold10/
  your own       <folder>/<class name>/, each with recordings, at least two classes"""


def find_dataset(folder: Path) -> DataSet:
    """Recognise a data set by its files and read its tables.

    Raises:
        DataSetError: no such folder, no known layout, or a table that cannot be used.
    """
    if not folder.is_dir():
        raise DataSetError(f"{folder} is no folder", help=_LOOKED_FOR)
    try:
        for layout, (fits, clips_of) in _READERS.items():
            if fits(folder):
                clips = clips_of(folder)
                return DataSet(folder, layout, tuple(sorted({clip.name for clip in clips})), tuple(clips))
    except OSError as error:
        named = f"{error.filename or folder} cannot be read: {error.strerror}"
        raise DataSetError(named, help="see who may read it") from error
    except LayoutError as error:
        raise DataSetError(str(error), help="get the data set again, whole; the README says where") from error
    raise DataSetError(f"{folder} has no known layout", help=_LOOKED_FOR)


def _numeric(fold: str) -> tuple[int, str]:
    return (int(fold), fold) if fold.isdigit() else (1 << 30, fold)
