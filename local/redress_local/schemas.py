"""What the writers of JSON Schemas share."""

import inspect
from typing import Any


def with_clean_descriptions(schema: Any) -> Any:
    """Return a schema whose descriptions lost their docstrings' indentation.

    Python 3.13 takes it off when it compiles a docstring, and older ones do not: without this, the
    published schemas would depend on the Python that wrote them.
    """
    if isinstance(schema, dict):
        return {
            key: inspect.cleandoc(value)
            if key == "description" and isinstance(value, str)
            else with_clean_descriptions(value)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [with_clean_descriptions(item) for item in schema]
    return schema
