"""Layer folders: from source by links into what is installed, and merged as AWS merges /opt.

A layer made from source holds what its build would put there (see each layer's Makefile), but as
symbolic links into the virtual environment and the checkout: nothing is copied or compiled, and
Python finds the bytecode that lies beside the files.
"""

import functools
import os
import re
import sysconfig
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

RUNTIME_DISTRIBUTIONS: Final = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)
"""What the Lambda runtime itself holds; the layers' requirements leave it out."""

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([A-Za-z0-9.!+_-]+)")
_EXECUTABLES: Final = "bin"
_NOT_CONTENT: Final = ("Makefile", "requirements.txt", "requirements-sandbox.txt", "__pycache__")


class LayerError(Exception):
    """A layer cannot be made from what is on this machine."""


def layer_from_source(name: str, content_uri: Path, folder: Path) -> Path:
    """Make a layer's folder without `sam build`.

    A layer that lies ready (it has `python/`, or no requirements.txt) is used as it is.

    Args:
        name: Its logical id in the template, which `sam build` gives to its Makefile.
        content_uri: Its source folder.
        folder: Where to make it; made if need be.

    Returns:
        The folder to put into `FunctionSpec.layers`.

    Raises:
        LayerError: A requirement is not installed, or has another version; no such source.
    """
    if not content_uri.is_dir():
        raise LayerError(f"{content_uri}: there is no such folder, the source of layer {name}")
    requirements = content_uri / "requirements.txt"
    if (content_uri / "python").is_dir() or not requirements.is_file():
        return content_uri
    folder.mkdir(parents=True, exist_ok=True)
    _RECIPES.get(name, _plain_layer)(content_uri, folder)
    return folder


def runtime_layer(folder: Path) -> Path:
    """Make the folder of what the Lambda runtime itself holds (boto3, awslambdaric).

    Raises:
        LayerError: Something of it is not installed.
    """
    installed = _installed()
    missing = [name for name in RUNTIME_DISTRIBUTIONS if name not in installed]
    if missing:
        raise LayerError(f"{', '.join(missing)}: not installed; run make setup")
    link_distributions(RUNTIME_DISTRIBUTIONS, folder)
    return folder


def link_requirements(requirements: Path, folder: Path) -> None:
    """Link what a requirements file pins into `folder`, its executables into `bin/` there.

    Raises:
        LayerError: Something of it is not installed, has another version, or is not pinned.
    """
    installed = _installed()
    names = []
    wrong = []
    for line in requirements.read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip().rstrip("\\").strip()
        if not text or text.startswith("-"):
            continue
        pin = _PIN.match(text)
        if pin is None:
            raise LayerError(f"{requirements}: {text!r} is not pinned as NAME==VERSION")
        name, version = _normal(pin[1]), pin[2]
        found = installed.get(name)
        names.append(name)
        if found is None:
            wrong.append(f"{name} is not installed")
        elif found[0] != version:
            wrong.append(f"{name} is {found[0]} and not {version}")
    if wrong:
        raise LayerError(f"{requirements}: {'; '.join(wrong)}; run make setup")
    link_distributions(names, folder)
    for name in names:
        _link_executables(installed[name][1], folder / _EXECUTABLES)


def link_distributions(names: Iterable[str], folder: Path) -> None:
    """Link installed distributions into `folder` as an installation would lie there.

    A folder that belongs to these distributions alone is one link; one that others share (a
    namespace package, and `bin`, where executables join them) is made and its entries are linked.
    """
    site = _site()
    installed = _installed()
    chosen = {installed[name][1] for name in names}
    owners, entries, _ = _contents()
    folder.mkdir(parents=True, exist_ok=True)

    def link(inner: str) -> None:
        for entry in sorted(entries[inner]):
            path = f"{inner}/{entry}" if inner else entry
            owned = owners[path]
            if not owned & chosen:
                continue
            if owned <= chosen and path != _EXECUTABLES:
                _link(site / path, folder / path)
            else:
                (folder / path).mkdir(exist_ok=True)
                link(path)

    link("")


def _link_executables(info: str, folder: Path) -> None:
    """Link what a distribution has in the environment's `bin/`."""
    for path in _contents().outside[info]:
        if path.parent.name in ("bin", "Scripts"):
            folder.mkdir(exist_ok=True)
            _link(path.resolve(), folder / path.name)


def merge_layers(layers: Sequence[Path], folder: Path) -> Path:
    """Merge layers into `folder` as AWS does into /opt: of equal files the last layer's stays.

    Raises:
        LayerError: A layer is not a folder.
    """
    for layer in layers:
        if not layer.is_dir():
            raise LayerError(f"{layer}: there is no such layer folder; make it again")
    folder.mkdir(parents=True, exist_ok=True)
    _merge(layers, folder)
    return folder


def _merge(sources: Sequence[Path], folder: Path) -> None:
    found: dict[str, list[Path]] = {}
    for source in sources:
        for entry in os.scandir(source):
            path = Path(entry.path)
            before = found.get(entry.name, [])
            both_folders = bool(before) and before[-1].is_dir() and path.is_dir()
            found[entry.name] = [*before, path] if both_folders else [path]
    for name, paths in found.items():
        if len(paths) == 1:
            _link(paths[0], folder / name)
        else:
            (folder / name).mkdir(exist_ok=True)
            _merge(paths, folder / name)


def _plain_layer(source: Path, folder: Path) -> None:
    """As `sam build` does without a Makefile: the requirements and all else into python/."""
    if (source / "Makefile").is_file():
        raise LayerError(
            f"{source}/Makefile: what it builds is not known here; run make build and use "
            "the built folder"
        )
    link_requirements(source / "requirements.txt", folder / "python")
    _link_content(source, folder / "python")


def _redress_layer(source: Path, folder: Path) -> None:
    link_requirements(source / "requirements.txt", folder / "python")
    _link(source / "redress", folder / "python" / "redress")


def _libraries_layer(source: Path, folder: Path) -> None:
    link_requirements(source / "requirements.txt", folder / "python")


def _sandbox_layer(source: Path, folder: Path) -> None:
    """Its compiled interpreter lies in the user's cache, and is made there when first needed."""
    from redress.sandbox.errors import SandboxUnavailableError
    from redress.sandbox.wasi_module import default_cache_folder

    link_requirements(source / "requirements-sandbox.txt", folder / "python")
    try:
        cache = default_cache_folder()
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, SandboxUnavailableError):
        # The function itself says what is missing, if it ever needs that tier.
        (folder / "wasi").mkdir(mode=0o700, exist_ok=True)
    else:
        _link(cache, folder / "wasi")


def _policy_layer(source: Path, folder: Path) -> None:
    link_requirements(source / "requirements.txt", folder / "python")
    _link_content(source, folder / "policies")


# What the target of each layer's Makefile puts where.
_RECIPES: Final[dict[str, Callable[[Path, Path], None]]] = {
    "RedressLayer": _redress_layer,
    "WebLayer": _libraries_layer,
    "AgentsLayer": _libraries_layer,
    "ProtocolsLayer": _libraries_layer,
    "SandboxLayer": _sandbox_layer,
    "PolicyLayer": _policy_layer,
}


def _link_content(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.name not in _NOT_CONTENT:
            _link(entry, folder / entry.name)


def _link(target: Path, link: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target.absolute())
    if target.suffix == ".py":
        # Bytecode is looked for beside the link: without this each start would compile anew.
        for cached in target.parent.glob(f"__pycache__/{target.stem}.*.pyc"):
            (link.parent / "__pycache__").mkdir(exist_ok=True)
            (link.parent / "__pycache__" / cached.name).unlink(missing_ok=True)
            (link.parent / "__pycache__" / cached.name).symlink_to(cached.absolute())


def _site() -> Path:
    return Path(sysconfig.get_paths()["purelib"])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def _installed() -> dict[str, tuple[str, str]]:
    """Version and .dist-info folder of each installed distribution, by its normalised name."""
    found = {}
    for entry in os.scandir(_site()):
        if entry.name.endswith(".dist-info"):
            name, _, version = entry.name.removesuffix(".dist-info").partition("-")
            found[_normal(name)] = (version, entry.name)
    return found


class _Contents(NamedTuple):
    """What the RECORD files say.

    Attributes:
        owners: Which distributions have files at or below each path.
        entries: Each folder's entries.
        outside: Each distribution's files beside the folder of packages.
    """

    owners: dict[str, set[str]]
    entries: dict[str, set[str]]
    outside: dict[str, list[Path]]


@functools.cache
def _contents() -> _Contents:
    """Read them as `importlib.metadata.files` does, but all at once: 30 ms instead of a second."""
    found = _Contents(defaultdict(set), defaultdict(set), defaultdict(list))
    site = _site()
    for _, info in _installed().values():
        try:
            record = (site / info / "RECORD").read_text(encoding="utf-8")
        except OSError:
            continue
        for line in record.splitlines():
            path = line[1:].split('"')[0] if line.startswith('"') else line.split(",")[0]
            if not path or "__pycache__" in path:
                continue
            if path.startswith(".."):
                found.outside[info].append(site / path)
                continue
            while path and info not in found.owners[path]:
                found.owners[path].add(info)
                folder, _, entry = path.rpartition("/")
                found.entries[folder].add(entry)
                path = folder
    return found
