"""Copies of what was built, as Lambda has them: read-only, and every file of 1980."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from redress_local.lambda_service.opt import merge_layers, runtime_layer

MB = 1_000_000
_EPOCH_1980 = 315_532_800


class Artefacts:
    """The copies, each made once; used from several threads only after `copy` of each.

    Attributes:
        runtime: What the Lambda runtime brings.
    """

    def __init__(self, sources: Mapping[str, Path], folder: Path) -> None:
        """Copy what was built.

        Args:
            sources: The built folder of each function, layer and plain function, by its name.
            folder: Where to put the copies.
        """
        self._copies: dict[str, Path] = {}
        self._zipped: dict[str, float] = {}
        self._merged = folder / "merged"
        self.runtime = runtime_layer(folder / "runtime")
        for name, source in sources.items():
            self._copies[name] = folder / "copies" / name
            shutil.copytree(source, self._copies[name])
            as_lambda_has_it(self._copies[name])
            self._zipped[name] = zip_bytes(self._copies[name]) / MB

    def merged(self, names: tuple[str, ...]) -> Path:
        """Return folders merged as Lambda merges layers into /opt: the last one's files stay."""
        target = self._merged / "+".join(names)
        if not target.is_dir():
            merge_layers([self._copies[name] for name in names], target)
        return target

    def folder(self, name: str) -> Path:
        """Return the copy of a function's or layer's folder."""
        return self._copies[name]

    def megabytes(self, names: Iterable[str]) -> float:
        """Return the unzipped size of functions and layers."""
        folders = [self._copies[name] for name in names]
        files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files) / MB

    def zip_megabytes(self, names: Iterable[str]) -> float:
        """Return the size of the archives of functions and layers."""
        return sum(self._zipped[name] for name in names)


def as_lambda_has_it(folder: Path) -> None:
    """Make a folder read-only and all in it of 1980, as the SAM CLI's archives make it."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            os.utime(path, (_EPOCH_1980, _EPOCH_1980))
            path.chmod(0o555 if path.is_dir() else 0o444 | path.stat().st_mode & 0o111)


def zip_bytes(folder: Path) -> int:
    """Return the size of a folder's archive."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder))
        return file.tell()
