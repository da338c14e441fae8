"""Physical names as CloudFormation makes them up, only the same at every start."""

import base64
import hashlib
import uuid

from redress_local.template_values import ACCOUNT, REGION


def stack_id(stack_name: str) -> str:
    """A stack's ARN."""
    identity = uuid.uuid5(uuid.NAMESPACE_URL, stack_name)
    return f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack_name}/{identity}"


def suffix(*parts: str, length: int = 12) -> str:
    """Capital letters and digits that follow from the parts."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return base64.b32encode(digest).decode()[:length]


def physical_name(stack_name: str, logical_id: str, *, limit: int = 255, tail: str = "") -> str:
    """`<stack>-<logical id>-<suffix>`, cut to what the service takes.

    Args:
        stack_name: The stack's name.
        logical_id: The resource's name in the template.
        limit: The longest name that the service takes, in characters.
        tail: What the name must end with, such as `.fifo`.
    """
    end = f"-{suffix(stack_name, logical_id)}{tail}"
    room = limit - len(end)
    name = f"{stack_name}-{logical_id}"
    if len(name) > room:
        # As CloudFormation does: the logical id loses less than the stack's name.
        kept = logical_id[: max(room - 8, room // 2)]
        name = f"{stack_name[: max(room - len(kept) - 1, 1)]}-{kept}"[:room]
    return name + end


def api_id(stack_name: str, logical_id: str) -> str:
    """Ten small letters and digits, as API Gateway and others give them."""
    return suffix(stack_name, logical_id, "id", length=10).lower()


def key_id(stack_name: str, logical_id: str, *, multi_region: bool = False) -> str:
    """The id of a KMS key: a UUID, after `mrk-` if it is for several regions, as moto has it."""
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{stack_name}/{logical_id}")
    return f"mrk-{identity}" if multi_region else str(identity)


def access_key_id(function_name: str) -> str:
    """The access key id that a function signs with; the gateway tells callers apart by it."""
    return "ASIA" + suffix(function_name, "access key", length=16)
