"""Reads a template file: YAML with CloudFormation's short tags, or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from redress_local.template_values import TemplateError


class TemplateLoader(yaml.CSafeLoader):
    """Reads CloudFormation's short tags as their long forms."""


def _construct_tag(loader: yaml.Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix in {"Ref", "Condition"}:
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", _construct_tag)
# Versions such as 2012-10-17 stay text.
TemplateLoader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
    for first, entries in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_document(path: Path) -> dict[str, Any]:
    """Read a template file.

    Args:
        path: A YAML or JSON file.

    Returns:
        The document, short tags as their long forms (`{"Fn::GetAtt": [...]}`).

    Raises:
        TemplateError: It cannot be read, is not YAML, or has no Resources.
    """
    try:
        document = yaml.load(path.read_bytes(), Loader=TemplateLoader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise TemplateError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise TemplateError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{path}: a template has Resources")
    return document
