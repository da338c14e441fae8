"""Reads and writes shop and label files."""

import os
import tempfile
from pathlib import Path
from typing import TypeVar, get_args

import msgspec
from redress.errors import InvalidInputError
from redress.models.base import Model, dump_json, parse, parse_json

from redress_local.shop.checks import problems
from redress_local.shop.document import Shop
from redress_local.shop.labels import Labels

MAX_FILE_BYTES = 1024**3
"""The largest file that is read."""

SHOWN_PROBLEMS = 3

# Editors on Windows put a byte order mark first.
_MARK = b"\xef\xbb\xbf"
_BLOCK = 65_536

M = TypeVar("M", bound=Model)


def write_json(path: str | os.PathLike[str], document: Model) -> None:
    """Write a document as indented JSON: all of it or nothing.

    Raises:
        InvalidInputError: the file cannot be written.
    """
    target = Path(path)
    text = msgspec.json.format(dump_json(document), indent=1) + b"\n"
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(text)
        try:
            temporary.chmod(0o644)
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InvalidInputError(f"{target}: cannot be written: {error.strerror}") from error


def load_shop(path: str | os.PathLike[str]) -> Shop:
    """Read a shop file and check its references.

    Raises:
        InvalidInputError: the file cannot be read, is not JSON, does not fit docs/shop.schema.json
            or contradicts itself; one line that names the place in the file.
    """
    shop = _load(path, Shop)
    check_shop(shop, str(path))
    return shop


def load_labels(path: str | os.PathLike[str]) -> Labels:
    """Read a labels file.

    Raises:
        InvalidInputError: the file cannot be read, is not JSON or does not fit.
    """
    return _load(path, Labels)


def check_shop(shop: Shop, name: str = "shop") -> None:
    """Check a shop's references.

    Raises:
        InvalidInputError: ids occur twice or lead nowhere; the first few are named.
    """
    found = list(problems(shop))
    if found:
        shown = "; ".join(found[:SHOWN_PROBLEMS])
        more = len(found) - SHOWN_PROBLEMS
        raise InvalidInputError(f"{name}: {shown}{f'; and {more} more' if more > 0 else ''}")


def _load(path: str | os.PathLike[str], kind: type[M]) -> M:
    source = Path(path)
    try:
        if source.is_file() and source.stat().st_size > MAX_FILE_BYTES:
            raise InvalidInputError(f"{source}: larger than {MAX_FILE_BYTES} bytes")
        with source.open("rb") as file:
            # A device or a pipe has no size to ask for: as little as shows that it is none.
            text = file.read(_BLOCK).removeprefix(_MARK)
            if b"\0" not in text:
                text += file.read(MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInputError(f"{source}: cannot be read: {reason}") from error
    try:
        return parse_json(kind, text)
    except InvalidInputError as error:
        raise InvalidInputError(f"{source}: {_with_place(text, kind, str(error))}") from error


def _with_place(text: bytes, kind: type[Model], message: str) -> str:
    """Return the message of the first entry of a list that does not fit, with its position.

    The decoder itself says only `$.orders[...]`.
    """
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return message
    for field in msgspec.structs.fields(kind):
        entries = document.get(field.encode_name) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not get_args(field.type):
            continue
        for position, entry in enumerate(entries):
            try:
                parse(get_args(field.type)[0], entry)
            except InvalidInputError as error:
                place = f"$.{field.encode_name}[{position}]"
                reason = str(error)
                if " - at `$" in reason:
                    return reason.replace(" - at `$", f" - at `{place}", 1)
                return f"{reason} - at `{place}`"
    return message
