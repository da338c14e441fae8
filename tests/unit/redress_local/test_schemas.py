from redress_local.schemas import with_clean_descriptions


def test_descriptions_are_cleaned_at_any_depth_and_nothing_else_is() -> None:
    raw = "One.\n\n    Two\n      three.\n    "
    schema = {
        "description": raw,
        "anyOf": [{"description": raw}],
        "properties": {"description": {"type": "string", "default": raw}},
    }

    clean = "One.\n\nTwo\n  three."
    assert with_clean_descriptions(schema) == {
        "description": clean,
        "anyOf": [{"description": clean}],
        "properties": {"description": {"type": "string", "default": raw}},
    }
    assert with_clean_descriptions(with_clean_descriptions(schema)) == with_clean_descriptions(
        schema
    )
