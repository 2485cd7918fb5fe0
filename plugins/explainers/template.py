"""Explanations from templates: nothing but the class's name in a few phrasings."""

from collections.abc import Sequence

from mgcld.errors import ConfigError

from ._names import spoken

TEMPLATES = (
    "the sound of {}",
    "this is a sound of {}",
    "{}",
    "a recording of {}",
    "{} can be heard",
    "someone hears {} nearby",
    "{} in the background",
    "the characteristic sound of {}",
)


class TemplateExplainer:
    """Phrasings of the class's name, eight if not told otherwise (n_e = 8)."""

    def __init__(self, count: int = len(TEMPLATES)) -> None:
        if not 1 <= count <= len(TEMPLATES):
            raise ConfigError(f"count: {count} is not between 1 and {len(TEMPLATES)}", help="there are no more")
        self._count = count

    def explain(self, name: str) -> Sequence[str]:
        """Sentences about the class; underscores and dashes in its name are read as spaces."""
        return [template.format(spoken(name)) for template in TEMPLATES[: self._count]]
