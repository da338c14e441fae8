"""The table of types: none twice, each property heeded or ignored, and really heeded."""

import ast
import inspect
import re

import pytest
from redress_local.emulated.resources import fronts, registry
from redress_local.emulated.resources.cloud_only import CLOUD_ONLY
from redress_local.emulated.resources.registry import CREATORS
from redress_local.template_values import TemplateError

SPEC = re.compile(r"^AWS(::[A-Za-z0-9]+){2}$")


def test_no_type_is_in_two_places() -> None:
    tables = [set(module.KINDS) for module in registry._TABLES]
    assert sum(map(len, tables)) == len(CREATORS)
    assert not set(CREATORS) & set(CLOUD_ONLY)
    assert all(SPEC.match(name) for name in [*CREATORS, *CLOUD_ONLY])


@pytest.mark.parametrize("name", sorted(CREATORS))
def test_each_property_is_heeded_or_ignored(name: str) -> None:
    """What a creator takes is named in its module, or where the parts are put together."""
    kind = CREATORS[name]
    assert not kind.takes & kind.ignores
    source = inspect.getsource(inspect.getmodule(kind.create)) + inspect.getsource(fronts)  # type: ignore[arg-type]
    words = {
        word
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in ([node.value] if " " not in node.value else [])
    }
    lists = {
        word
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for word in node.value.value.split()
    }
    # A pool's own name is of no use to the issuer, and a domain or group only has its name.
    unused = {"UserPoolName", "UserPoolId", "ApiId"}
    assert kind.takes - words - lists <= unused


@pytest.mark.parametrize("name", sorted(CREATORS))
def test_properties_exist_in_aws(name: str) -> None:
    """A misspelt property would stop nothing, and heed nothing."""
    schema = pytest.importorskip("cfnlint.schema.manager")
    try:
        resource = schema.PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", name)
    except Exception as error:  # noqa: BLE001 - any failure to look up is the test's failure
        raise TemplateError(f"cfn-lint does not know {name}: {error}") from None
    known = set(resource.schema["properties"])
    kind = CREATORS[name]
    assert (kind.takes | kind.ignores) <= known
