"""From template.yaml to a stack of plain resources that the local cloud can create."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from redress_local.emulated.resources.errors import UnsupportedResourceError
from redress_local.emulated.resources.names import stack_id
from redress_local.emulated.resources.sam import SAM_TRANSFORM, transforms, translate_sam
from redress_local.emulated.resources.stack import Stack
from redress_local.template_document import load_document
from redress_local.template_parameters import (
    parameter_texts,
    parameter_values,
    shown_parameters,
)
from redress_local.template_values import TemplateError, pseudo_parameters

STACK_NAME = "redress"


def translate(
    template: Path, parameters: Mapping[str, str] | None = None, *, stack_name: str = STACK_NAME
) -> Stack:
    """Read a template and find out all that it asks for; creates nothing.

    Args:
        template: A SAM or CloudFormation template.
        parameters: Values for its parameters; the template's defaults apply otherwise.
        stack_name: What `AWS::StackName` is and physical names begin with.

    Raises:
        UnsupportedResourceError: A resource's type, or a property, that the local cloud does not
            know.
        TemplateError: The template cannot be read or translated, or a parameter is wrong.
    """
    # The table of types loads every creator, which only a whole start needs.
    from redress_local.emulated.resources.registry import check

    document = load_document(template)
    try:
        declared = document.get("Parameters") or {}
        texts = parameter_texts(declared, parameters or {})
        names = transforms(document)
        for name in names:
            if name != SAM_TRANSFORM:
                raise UnsupportedResourceError(f"the local cloud has no transform {name}")
        plain = translate_sam(document, texts) if names else document
        stack = Stack(
            stack_name,
            template,
            plain,
            {
                **pseudo_parameters(stack_name, stack_id(stack_name)),
                **parameter_values(declared, texts),
            },
            shown_parameters(declared, texts),
        )
        check(stack)
        stack.order()
    except TemplateError as error:
        raise type(error)(f"{template}: {error}") from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # A template of another shape than CloudFormation's; cfn-lint says more.
        message = f"{template}: malformed ({type(error).__name__}: {error})"
        raise TemplateError(message) from error
    return stack


def built_template(project: Path) -> Path:
    """The template that `sam build` left, whose paths lead to what it built.

    Raises:
        TemplateError: Nothing is built.
    """
    path = project / ".aws-sam" / "build" / "template.yaml"
    if not path.is_file():
        raise TemplateError(f"{path}: nothing is built; run `make build` first")
    return path
