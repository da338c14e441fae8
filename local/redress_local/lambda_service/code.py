"""Where a function's code lies: a folder in place, or an archive that is unpacked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from redress_local.lambda_service.errors import InvalidParameterError

HOT_RELOAD = "hot-reload"
_UNZIPPED_LIMIT = 262_144_000
_BROKEN = "Could not unzip uploaded file. Please check your file, then try to upload again."


class Code(NamedTuple):
    """A function's code; the digest (base64) and size (bytes) are those of an archive."""

    folder: Path
    sha256: str = ""
    size: int = 0


def place_code(code: Mapping[str, Any], folder: Path | None, name: str) -> Code:
    """Find or unpack a function's code.

    Args:
        code: AWS's `Code`: `{"S3Bucket": "hot-reload", "S3Key": <absolute path>}` uses a folder
            where it is, `ZipFile` (base64) is unpacked.
        folder: Where archives are unpacked, each in a folder of its own.
        name: The function's.

    Raises:
        InvalidParameterError: It is neither, the folder is not there, or the archive is broken.
    """
    if code.get("S3Bucket") == HOT_RELOAD:
        path = Path(str(code.get("S3Key") or ""))
        if not path.is_absolute() or not path.is_dir():
            raise InvalidParameterError(f"S3Key must be the absolute path of a folder: {path}")
        return Code(path)
    if code.get("ZipFile"):
        if folder is None:
            raise InvalidParameterError(
                f"This Lambda service takes no archives: use S3Bucket={HOT_RELOAD} and a folder"
            )
        return _unpack(code["ZipFile"], folder, name)
    raise InvalidParameterError(
        f"The local cloud takes ZipFile, or S3Bucket={HOT_RELOAD} with S3Key=<absolute path>"
    )


def _unpack(encoded: Any, folder: Path, name: str) -> Code:
    try:
        data = base64.b64decode(encoded, validate=True)
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (TypeError, ValueError, binascii.Error, zipfile.BadZipFile):
        raise InvalidParameterError(_BROKEN) from None
    with archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > _UNZIPPED_LIMIT:
            raise InvalidParameterError(
                f"Unzipped size must be smaller than {_UNZIPPED_LIMIT} bytes"
            )
        for info in infos:
            # `extractall` would move them inside in silence.
            if info.filename.startswith("/") or ".." in Path(info.filename).parts:
                raise InvalidParameterError(_BROKEN)
        folder.mkdir(parents=True, exist_ok=True)
        target = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
        try:
            archive.extractall(target)
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError):
            raise InvalidParameterError(_BROKEN) from None
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return Code(target, digest, len(data))
