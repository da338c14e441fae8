"""Where the project lies: the folder of template.yaml."""

import os
from pathlib import Path


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
