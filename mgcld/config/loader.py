"""YAML as people write it by hand, mistakes included."""

from typing import Any

import yaml


class UniqueKeys(yaml.SafeLoader):
    """YAML in which no key may stand twice: the first of two would silently be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping of this node, or a `yaml.constructor.ConstructorError` that names the key."""
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)
