"""Translates a SAM template to plain CloudFormation with AWS's own translator, offline."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from redress_local.template_values import REGION, TemplateError

SAM_TRANSFORM = "AWS::Serverless-2016-10-31"

# The translator takes code only from S3, so local paths travel as keys of this bucket. Capitals
# make it a name that no bucket has.
_BUCKET = "LocalPath"
_URIS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
    "AWS::Serverless::HttpApi": "DefinitionUri",
}
_LOCATIONS = (("S3Bucket", "S3Key"), ("Bucket", "Key"))
_URL = re.compile(r"^[a-z0-9+.-]+://", re.IGNORECASE)


class LocalPath(str):
    """A path beside the template, where CloudFormation has a place in S3."""

    __slots__ = ()


def transforms(document: Mapping[str, Any]) -> list[str]:
    """The names of a template's transforms."""
    named = document.get("Transform") or []
    return [str(item) for item in (named if isinstance(named, list) else [named])]


def translate_sam(document: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Translate a SAM template.

    Args:
        document: The template; it is left as it is.
        parameters: The text of each parameter.

    Returns:
        The template in plain CloudFormation. `Code`, `Content` and `DefinitionS3Location` of
        local files are a `LocalPath`, as written in the template.

    Raises:
        TemplateError: The template is not valid; the message is the translator's.
    """
    # A heavy import (0.4 s) that only the emulated cloud needs. The translator is not typed.
    import boto3
    from samtranslator.model.exceptions import (  # type: ignore[import-untyped]
        InvalidDocumentException,
    )
    from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
    from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
    from samtranslator.utils.py27hash_fix import (  # type: ignore[import-untyped]
        to_py27_compatible_template,
        undo_mark_unicode_str_in_template,
    )

    source = copy.deepcopy(document)
    _hide_paths(source)
    values = dict(parameters)
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=REGION))
    try:
        to_py27_compatible_template(source, values)
        translated = translator.translate(source, values, get_managed_policy_map=dict)
    except InvalidDocumentException as error:
        causes = [cause.message for cause in error.causes] or [error.message]
        raise TemplateError("; ".join(" ".join(str(cause).split()) for cause in causes)) from None
    finally:
        # To nobody: only so that it does not warn of numbers that it kept.
        translator.metrics.publish()
    translated = undo_mark_unicode_str_in_template(translated)
    for body in translated["Resources"].values():
        properties = body.get("Properties") or {}
        for key, value in properties.items():
            path = _shown_path(value)
            if path is not None:
                properties[key] = path
    return dict(translated)


def _hide_paths(document: dict[str, Any]) -> None:
    for section, key in (("Function", "CodeUri"), ("HttpApi", "DefinitionUri")):
        shared = (document.get("Globals") or {}).get(section) or {}
        if isinstance(shared.get(key), str):
            shared[key] = _hidden(shared[key])
    for body in document["Resources"].values():
        place = _URIS.get(str(body.get("Type"))) if isinstance(body, dict) else None
        properties = (body.get("Properties") or {}) if place else {}
        if place and isinstance(properties.get(place), str):
            properties[place] = _hidden(properties[place])


def _hidden(path: str) -> str:
    return path if _URL.match(path) else f"s3://{_BUCKET}/{quote(path, safe='/.')}"


def _shown_path(value: Any) -> LocalPath | None:
    if isinstance(value, dict):
        for bucket, key in _LOCATIONS:
            if value.get(bucket) == _BUCKET:
                return LocalPath(unquote(value[key]))
    return None
