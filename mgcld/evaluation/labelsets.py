"""The label folds of the paper's protocol, as Treff-adapter's code fixed them (JinhuaLiang/lam4fsl, `src/data`).

Facts, not ours: five lists of 15 targets of ESC-50 and five lists of 10 labels of FSDKaggle2018. They are subsets of
the classes, not of the recordings, and they overlap (40 of 50 and 32 of 41 classes).
"""

from collections.abc import Sequence

from mgcld.evaluation.datasets import DataSet

ESC50_TARGETS = (
    (8, 5, 6, 11, 15, 12, 20, 26, 24, 35, 33, 38, 40, 48, 47),
    (5, 0, 4, 18, 13, 19, 29, 21, 28, 33, 38, 31, 47, 46, 44),
    (0, 9, 7, 18, 13, 17, 27, 24, 25, 38, 31, 35, 42, 47, 46),
    (5, 7, 9, 18, 19, 12, 23, 28, 27, 36, 30, 32, 46, 41, 44),
    (3, 8, 5, 10, 17, 14, 29, 27, 24, 38, 35, 32, 47, 42, 46),
)
_ESC50_NAMES = """
    dog rooster pig cow frog cat hen insects sheep crow rain sea_waves crackling_fire crickets chirping_birds
    water_drops wind pouring_water toilet_flush thunderstorm crying_baby sneezing clapping breathing coughing footsteps
    laughing brushing_teeth snoring drinking_sipping door_wood_knock mouse_click keyboard_typing door_wood_creaks
    can_opening washing_machine vacuum_cleaner clock_alarm clock_tick glass_breaking helicopter chainsaw siren car_horn
    engine train church_bells airplane fireworks hand_saw"""
ESC50_NAMES = tuple(_ESC50_NAMES.split())
"""Category of each target, in ESC-50's order."""
FSDKAGGLE18_LABELS = tuple(
    tuple(labels.split())
    for labels in (
        "Glockenspiel Tambourine Applause Cowbell Hi-hat Squeak Meow Finger_snapping Scissors Telephone",
        "Hi-hat Laughter Saxophone Snare_drum Gong Burping_or_eructation Tearing Electric_piano Violin_or_fiddle"
        " Keys_jangling",
        "Tambourine Double_bass Cough Drawer_open_or_close Keys_jangling Harmonica Bus Bark Squeak Violin_or_fiddle",
        "Bass_drum Laughter Harmonica Trumpet Knock Scissors Bus Chime Double_bass Computer_keyboard",
        "Gong Laughter Acoustic_guitar Electric_piano Knock Bus Tambourine Fireworks Saxophone Bark",
    )
)


def label_folds(dataset: DataSet, way: int) -> Sequence[Sequence[str]]:
    """The lists of classes that the paper's episodes are drawn from.

    A list too short for `way` (12 of FSDKaggle2018's 10) and data sets without such lists give all classes at once;
    that is our reading, and the output says so.
    """
    lists: Sequence[Sequence[str]] = ()
    if dataset.layout == "esc50":
        lists = [[ESC50_NAMES[target] for target in fold] for fold in ESC50_TARGETS]
    elif dataset.layout == "fsdkaggle18":
        lists = FSDKAGGLE18_LABELS
    here = [[name for name in fold if name in dataset.classes] for fold in lists]
    fitting = [names for names, whole in zip(here, lists, strict=True) if len(names) == len(whole) >= way]
    return fitting if lists and len(fitting) == len(lists) else [dataset.classes]
