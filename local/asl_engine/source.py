"""Reading definitions from files and filling in their `${Name}` substitutions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from asl_engine.errors import AslEngineError

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_.:-]+)\}")


class DefinitionFileError(AslEngineError):
    """A definition file that is missing, not YAML or JSON, or lacks a substitution."""


class _Loader(yaml.CSafeLoader):
    """YAML 1.2 booleans only: `Next: No` is the state `No`, not false."""


# The resolvers are copied before the change, since PyYAML shares them between loader classes.
_Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] not in {_BOOL, _TIMESTAMP}]
    for _BOOL, _TIMESTAMP in [("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, entries in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    list("tTfF"),
)


def load_definition(path: str | Path) -> dict[str, Any]:
    """Read a definition from `.asl.yaml`, `.asl.yml`, `.asl.json` or `.json`.

    Raises:
        DefinitionFileError: The file cannot be read or holds no object; says where.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionFileError(f"{file}: cannot be read: {error}") from None
    try:
        document = json.loads(text) if file.suffix == ".json" else _yaml(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        detail = " ".join(str(error).split())
        raise DefinitionFileError(f"{file}: not valid {file.suffix[1:]}: {detail}") from None
    if not isinstance(document, dict):
        raise DefinitionFileError(f"{file}: a definition is an object, not {document!r:.40}")
    return document


def _yaml(text: str) -> Any:
    # Step Functions takes no aliases either, and a few nested ones would fill the memory.
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases (*{event.anchor}) are not supported")
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader's subclass


def substitute(definition: Any, mapping: Mapping[str, Any]) -> Any:
    """Fill `${Name}` in every string of a definition, as CloudFormation's substitutions do.

    Returns a new definition; the one given is left alone.

    Raises:
        DefinitionFileError: A placeholder has no value in the mapping.
    """

    def text(value: str) -> str:
        def fill(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in mapping:
                raise DefinitionFileError(f"no value for the substitution ${{{name}}}")
            return str(mapping[name])

        return _PLACEHOLDER.sub(fill, value) if "${" in value else value

    if isinstance(definition, str):
        return text(definition)
    if isinstance(definition, dict):
        return {key: substitute(value, mapping) for key, value in definition.items()}
    if isinstance(definition, list):
        return [substitute(value, mapping) for value in definition]
    return definition
