"""Where the project lies: the folder of template.yaml."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redress_local.template import Template

# What the stack is deployed with on this machine: no model service, no metrics.
LOCAL_PARAMETERS = {"ModelProvider": "playbook", "MetricsNamespace": ""}


class ProjectError(Exception):
    """The project's files are not where they should be."""


def find_project() -> Path:
    """The folder of template.yaml: `REDRESS_PROJECT`, or the checkout that this package is in.

    Raises:
        ProjectError: There is no template.yaml.
    """
    given = os.environ.get("REDRESS_PROJECT")
    folder = Path(given) if given else Path(__file__).resolve().parents[2]
    if not (folder / "template.yaml").is_file():
        raise ProjectError(
            f"{folder}: there is no template.yaml; set REDRESS_PROJECT to its folder"
        )
    return folder


def local_template(project: Path) -> "Template":
    """The project's template with the parameters of this machine.

    Raises:
        TemplateError: It cannot be read or understood.
    """
    from redress_local.template import read_template

    return read_template(project / "template.yaml", LOCAL_PARAMETERS)
