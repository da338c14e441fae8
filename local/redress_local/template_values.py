"""CloudFormation's intrinsic functions and conditions, with every error by name."""

from __future__ import annotations

import base64
import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

REGION = "us-east-1"
ACCOUNT = "000000000000"

NO_VALUE: Final = object()
"""What `AWS::NoValue` resolves to; whatever holds it drops it."""

_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_CONDITION_FUNCTIONS = frozenset({"Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or", "Condition"})
_REFUSED = {
    "Fn::ImportValue": "no other stack runs here that could export it; make it a parameter",
    "Fn::Transform": "macros run in AWS only",
    "Fn::ForEach": "it needs the transform AWS::LanguageExtensions",
    "Fn::Length": "it needs the transform AWS::LanguageExtensions",
    "Fn::ToJsonString": "it needs the transform AWS::LanguageExtensions",
}


class TemplateError(Exception):
    """The template cannot be read, or holds what the local cloud does not understand."""


def pseudo_parameters(stack_name: str, stack_id: str, region: str = REGION) -> dict[str, Any]:
    """What `Ref` gives for `AWS::Region` and the like."""
    return {
        "AWS::Region": region,
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws",
        "AWS::StackName": stack_name,
        "AWS::StackId": stack_id,
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::NotificationARNs": [],
        "AWS::NoValue": NO_VALUE,
    }


def intrinsic(value: Any) -> tuple[str, Any] | None:
    """The name and argument of an intrinsic function call, or None for plain data."""
    if isinstance(value, dict) and len(value) == 1:
        (name, argument), *_ = value.items()
        if name == "Ref" or (isinstance(name, str) and name.startswith("Fn::")):
            return name, argument
    return None


def split_attribute(argument: Any) -> tuple[str, Any]:
    """The logical id and the attribute of a `Fn::GetAtt`, in either form."""
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(parts, list) or len(parts) < 2 or not isinstance(parts[0], str):
        raise TemplateError(f"Fn::GetAtt takes a resource and an attribute, not {argument!r:.80}")
    if len(parts) > 2:
        return parts[0], ".".join(str(part) for part in parts[1:])
    return parts[0], parts[1]


class Intrinsics(ABC):
    """Resolves the values of one template; subclasses know its resources.

    Args:
        values: Parameters and pseudo parameters by name.
        mappings: The template's Mappings.
        conditions: The template's Conditions.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        mappings: Mapping[str, Any],
        conditions: Mapping[str, Any],
    ) -> None:
        self.values = values
        self._mappings = mappings
        self._conditions = conditions
        self._holds: dict[str, bool | None] = {}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self.ref,
            "Fn::Base64": lambda it: base64.b64encode(self.text(it).encode()).decode(),
            "Fn::Cidr": self._cidr,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::GetAZs": lambda it: [f"{self.text(it) or REGION}{zone}" for zone in "abc"],
            "Fn::If": lambda it: self.value(self.chosen(it)),
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
        }

    @abstractmethod
    def resource(self, logical_id: str) -> Any:
        """What `Ref` of a resource gives.

        Raises:
            TemplateError: There is no such resource.
        """

    @abstractmethod
    def attribute(self, logical_id: str, attribute: str) -> Any:
        """What `Fn::GetAtt` gives.

        Raises:
            TemplateError: There is no such resource or attribute.
        """

    def value(self, value: Any) -> Any:
        """A value with everything in it resolved.

        Raises:
            TemplateError: It holds a reference or a function that cannot be resolved.
        """
        if isinstance(value, list):
            return [item for item in map(self.value, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        call = intrinsic(value)
        if call is not None:
            return self._call(*call)
        resolved = {key: self.value(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def text(self, value: Any) -> str:
        """A value as text."""
        resolved = self.value(value)
        if isinstance(resolved, bool):
            return str(resolved).lower()
        if not isinstance(resolved, (str, int, float)):
            raise TemplateError(f"{value!r:.80} does not resolve to text")
        return str(resolved)

    def ref(self, name: Any) -> Any:
        """What `Ref` gives."""
        if not isinstance(name, str):
            raise TemplateError(f"Ref takes a name, not {name!r:.80}")
        return self.values[name] if name in self.values else self.resource(name)

    def chosen(self, argument: Any) -> Any:
        """The branch of a `Fn::If` that its condition takes, not resolved."""
        condition, yes, no = self._arguments("Fn::If", argument, 3)
        return yes if self.holds(condition) else no

    def holds(self, condition: Any) -> bool:
        """Whether a condition holds: a name, or a condition function.

        Raises:
            TemplateError: There is no such condition, or it refers to itself.
        """
        if isinstance(condition, str):
            return self._named(condition)
        if not isinstance(condition, dict) or len(condition) != 1:
            raise TemplateError(f"{condition!r:.80} is not a condition")
        (name, argument), *_ = condition.items()
        if name not in _CONDITION_FUNCTIONS:
            raise TemplateError(f"{name} is not a condition that the local cloud understands")
        if name == "Condition":
            return self.holds(argument)
        if name == "Fn::Equals":
            first, second = self._arguments(name, argument, 2)
            return bool(self._comparable(first) == self._comparable(second))
        if not isinstance(argument, list) or not argument:
            raise TemplateError(f"{name} takes a list of conditions")
        if name == "Fn::Not":
            return not self.holds(argument[0])
        return (all if name == "Fn::And" else any)(self.holds(item) for item in argument)

    def references(self, value: Any) -> Iterator[str]:
        """Names that a value refers to, in the branches that its conditions take."""
        if isinstance(value, list):
            for item in value:
                yield from self.references(item)
        if not isinstance(value, dict):
            return
        call = intrinsic(value)
        if call is None:
            for item in value.values():
                yield from self.references(item)
            return
        name, argument = call
        if name == "Ref":
            yield str(argument)
        elif name == "Fn::GetAtt":
            logical_id, attribute = split_attribute(argument)
            yield logical_id
            yield from self.references(attribute)
        elif name == "Fn::If":
            yield from self.references(self.chosen(argument))
        elif name == "Fn::Sub":
            text, extra = argument if isinstance(argument, list) else (argument, {})
            for variable in _VARIABLE.findall(str(text)):
                if not variable.startswith("!") and variable not in extra:
                    yield variable.strip().split(".", 1)[0]
            yield from self.references(extra)
        else:
            yield from self.references(argument)

    def _call(self, name: str, argument: Any) -> Any:
        function = self._functions.get(name)
        if function is not None:
            return function(argument)
        if name in _CONDITION_FUNCTIONS:
            return self.holds({name: argument})
        if name in _REFUSED:
            raise TemplateError(f"{name} is not available in the local cloud: {_REFUSED[name]}")
        raise TemplateError(f"{name} is not understood by the local cloud")

    def _arguments(self, name: str, argument: Any, count: int) -> list[Any]:
        if not isinstance(argument, list) or len(argument) != count:
            raise TemplateError(f"{name} takes {count} arguments, not {argument!r:.80}")
        return argument

    def _get_att(self, argument: Any) -> Any:
        logical_id, attribute = split_attribute(argument)
        return self.attribute(logical_id, self.text(attribute))

    def _list(self, name: str, value: Any) -> list[Any]:
        resolved = self.value(value)
        if not isinstance(resolved, list):
            raise TemplateError(f"{name} takes a list, not {resolved!r:.80}")
        return resolved

    def _join(self, argument: Any) -> str:
        delimiter, items = self._arguments("Fn::Join", argument, 2)
        return str(delimiter).join(self.text(item) for item in self._list("Fn::Join", items))

    def _split(self, argument: Any) -> list[str]:
        delimiter, text = self._arguments("Fn::Split", argument, 2)
        if not delimiter:
            raise TemplateError("Fn::Split takes a delimiter that is not empty")
        return self.text(text).split(self.text(delimiter))

    def _select(self, argument: Any) -> Any:
        index, items = self._arguments("Fn::Select", argument, 2)
        found = self._list("Fn::Select", items)
        position = self.text(index)
        if not position.isdigit() or int(position) >= len(found):
            raise TemplateError(f"Fn::Select: there is no item {position} of {len(found)}")
        return found[int(position)]

    def _find_in_map(self, argument: Any) -> Any:
        keys = [self.text(item) for item in self._arguments("Fn::FindInMap", argument, 3)]
        found: Any = self._mappings
        for depth, key in enumerate(keys, 1):
            if not isinstance(found, Mapping) or key not in found:
                raise TemplateError(f"Fn::FindInMap: there is no {'.'.join(keys[:depth])}")
            found = found[key]
        return found

    def _cidr(self, argument: Any) -> list[str]:
        if not isinstance(argument, list) or len(argument) not in {2, 3}:
            raise TemplateError("Fn::Cidr takes a block, a count and the bits of each subnet")
        block, count, *bits = (self.text(item) for item in argument)
        try:
            network = ipaddress.ip_network(block)
            prefix = network.max_prefixlen - int(bits[0] if bits else 64)
            subnets = network.subnets(new_prefix=prefix)
            found = [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]
        except ValueError as error:
            raise TemplateError(f"Fn::Cidr: {error}") from None
        if len(found) < int(count):
            raise TemplateError(f"Fn::Cidr: {block} has no {count} subnets of that size")
        return found

    def _sub(self, argument: Any) -> str:
        text, extra = argument if isinstance(argument, list) else (argument, {})
        if not isinstance(text, str) or not isinstance(extra, dict):
            raise TemplateError(f"Fn::Sub takes text, and a map after it, not {argument!r:.80}")

        def fill(match: re.Match[str]) -> str:
            name = match.group(1).strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in extra:
                return self.text(extra[name])
            if "." in name:
                return self.text(self.attribute(*name.split(".", 1)))
            return self.text(self.ref(name))

        return _VARIABLE.sub(fill, text)

    def _comparable(self, value: Any) -> Any:
        resolved = self.value(value)
        return resolved if isinstance(resolved, (list, dict)) else self.text(value)

    def _named(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"there is no condition {name!r}")
        known = self._holds.get(name, NO_VALUE)
        if known is None:
            raise TemplateError(f"the condition {name} refers to itself")
        if isinstance(known, bool):
            return known
        self._holds[name] = None
        try:
            result = self.holds(self._conditions[name])
        except BaseException:
            del self._holds[name]
            raise
        self._holds[name] = result
        return result
