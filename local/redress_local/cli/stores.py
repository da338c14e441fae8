"""Which store a command works on, and with which shop."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from redress_local.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cyclopts import Token
    from redress_local.embedded.cloud import EmbeddedCloud
    from redress_local.shop.document import Shop

EXAMPLE = "example"
_LOCK_SECONDS = 120.0
_LOG_FIELDS = ("function", "case_id", "rule", "target", "error")


def _folder(_: object, tokens: Sequence[Token]) -> Path:
    """An empty `--store`, such as an unset variable of a script, is not the current folder."""
    if not tokens[0].value:
        raise UsageError("--store is empty", "name a folder, or leave it out")
    return Path(tokens[0].value)


def _whole(_: object, tokens: Sequence[Token]) -> int:
    """A whole number; 1.5 is not rounded."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise UsageError(
            f"{tokens[0].keyword} {tokens[0].value!r} is no whole number", "give one such as 10"
        ) from None


StoreOption = Annotated[Path | None, Parameter(name="--store", converter=_folder)]
Whole = Annotated[int, Parameter(converter=_whole)]
ShopOption = Annotated[str | None, Parameter(name="--shop")]
ModelOption = Annotated[str, Parameter(name="--model")]
JsonOption = Annotated[bool, Parameter(name="--json", negative="")]


def load(shop: str | None) -> Shop | None:
    """Read the shop that `--shop` names: a file, or `example` for the built-in one.

    Raises:
        InvalidInputError: The file is no shop.
    """
    if shop is None:
        return None
    from redress_local.shop.example import example_shop
    from redress_local.shop.files import load_shop

    return example_shop() if shop == EXAMPLE else load_shop(shop)


def choose(store: Path | None, shop: Shop | None) -> Path:
    """The store's folder.

    `--store`, else `$REDRESS_STORE`, else `.redress` in the current folder. There, another shop
    than the example gets a store of its own, which later commands find as the current one.
    """
    if store is not None:
        return store
    if os.environ.get("REDRESS_STORE"):
        return Path(os.environ["REDRESS_STORE"])
    base = Path(".redress")
    current = base / "current"
    if shop is None:
        return base / _current(current)
    from redress_local.embedded.seeding import shop_digest
    from redress_local.shop.example import example_shop

    digest = shop_digest(shop)
    name = "" if digest == shop_digest(example_shop()) else f"shops/{digest[:12]}"
    if name != _current(current):
        try:
            base.mkdir(exist_ok=True)
            new = base / "current.new"
            new.write_text(name, encoding="utf-8")
            new.replace(current)
        except OSError as error:
            raise UsageError(
                f"{base} cannot be written: {error.strerror}", "give a folder by --store"
            ) from None
    return base / name


def _current(file: Path) -> str:
    try:
        name = file.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "remove it") from None
    folder = name.removeprefix("shops/")
    if name and (not folder.isalnum() or name != f"shops/{folder}"):
        raise UsageError(f"{file} names no store", "remove it")
    return name


def open_cloud(
    store: Path | None, shop: Shop | None = None, model: str = "playbook", *, existing: bool = False
) -> EmbeddedCloud:
    """Open the store, finish what a dead process left in it, and log beside it.

    Args:
        store: What `--store` says.
        shop: What to seed a new store with.
        model: A model specification.
        existing: Refuse to make a store that is not there.
    """
    folder = choose(store, shop)
    if existing and not (folder / "store.json").is_file():
        raise UsageError(f"there is no store in {folder}", "make one by `redress resolve`")
    from redress.agents.models.factory import model_factory
    from redress_local.embedded.cloud import EmbeddedCloud

    model_factory(model)  # a wrong --model is told before anything is written
    cloud = EmbeddedCloud.open(folder, shop=shop, model=model, lock_seconds=_LOCK_SECONDS)
    _log_to(cloud.folder.log)
    if cloud.resume():
        cloud.drain()
    return cloud


class FieldFormatter(logging.Formatter):
    """One line a record with the fields that Redress logs, then the stack trace."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The message with its fields."""
        fields = (
            f" {name}={getattr(record, name)}" for name in _LOG_FIELDS if hasattr(record, name)
        )
        return super().formatMessage(record) + "".join(fields)


def _log_to(path: Path) -> None:
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    # Refusals are answers that the state machine expects, and are in the history.
    handler.setLevel(logging.ERROR)
    handler.setFormatter(FieldFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("redress", "redress_local", "asl_engine"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.propagate = False
