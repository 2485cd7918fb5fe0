"""Explanations from templates: nothing but the class's name in a few phrasings."""

from collections.abc import Sequence

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
    """Eight phrasings of the class's name (n_e = 8)."""

    def explain(self, name: str) -> Sequence[str]:
        """Eight sentences about the class; underscores and dashes in its name are read as spaces."""
        words = " ".join(name.replace("_", " ").replace("-", " ").split()).lower()
        return [template.format(words) for template in TEMPLATES]
