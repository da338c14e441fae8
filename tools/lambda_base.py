"""Makes a stand-in for the Lambda base image of Python 3.13, where no registry can be reached.

It holds what functions can tell apart: the interpreter at /var/lang, the Lambda runtime's own
packages (awslambdaric, boto3) at /var/runtime, its module path and environment, and a shell. The
SAM CLI puts its Runtime Interface Emulator and the layers on top, as it does on the real image.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from redress_local.lambda_service.opt import RUNTIME_DISTRIBUTIONS

ROOT: Final = Path(__file__).resolve().parents[1]
UV: Final = ROOT / ".tools" / "uv" / "bin" / "uv"
VERSION: Final = "3.13"
IMAGE: Final = f"public.ecr.aws/lambda/python:{VERSION}-x86_64"
LABEL: Final = "redress.stand-in"

# What the SAM CLI's Dockerfile and our start scripts call.
COMMANDS: Final = ("sh", "cat", "chmod", "cp", "env", "ls", "mkdir", "mv", "rm")
# Needed by wheels, or loaded at run time: not in what `ldd` lists.
LATE_LIBRARIES: Final = (
    "libdl.so.2",
    "libgcc_s.so.1",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
)
# Folders and modules of the standard library that no function can need.
LEFT_OUT: Final = (
    "__pycache__",
    "config-*",
    "ensurepip",
    "idlelib",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "_test*.so",
    "_ctypes_test*.so",
    "_tkinter*.so",
    "*.a",
)
CERTIFICATES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
)

ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    "TZ": ":/etc/localtime",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib"
        ":/opt/lib"
    ),
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
}

# The module path is that of AWS: the code, the layers, then the runtime's own.
BOOTSTRAP: Final = f"""\
#!/bin/sh
export AWS_EXECUTION_ENV=AWS_Lambda_python{VERSION}
layers=/opt/python/lib/python{VERSION}/site-packages:/opt/python
if [ -z "$PYTHONPATH" ]; then
  export PYTHONPATH="$LAMBDA_TASK_ROOT:$layers:$LAMBDA_RUNTIME_DIR"
fi
exec $AWS_LAMBDA_EXEC_WRAPPER /var/lang/bin/python{VERSION} -m awslambdaric "$_HANDLER"
"""

ENTRYPOINT: Final = """\
#!/bin/sh
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" >&2
  exit 142
fi
export _HANDLER="$1"
if [ -n "$AWS_LAMBDA_RUNTIME_API" ]; then exec /var/runtime/bootstrap; fi
exec /var/rapid/aws-lambda-rie /var/runtime/bootstrap
"""


class BaseError(Exception):
    """The image cannot be made; says what to do."""


def main() -> int:
    """Make the image unless it, or the real one, is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--force", action="store_true", help="make it anew, over whatever is there")
    force = parser.parse_args().force
    try:
        version = inputs()
        there = present()
        if not force and there == version:
            print(f"base image: {IMAGE}, the stand-in, is current")
        elif not force and there == "":
            print(f"base image: {IMAGE} is there already, and is AWS's own")
        else:
            make(version)
            print(f"base image: made a stand-in for {IMAGE}")
    except BaseError as error:
        print(f"base image: {error}", file=sys.stderr)
        return 1
    return 0


def inputs() -> str:
    """A hash of what the image is made from."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update(f"{sys.version}\0{sys.base_prefix}".encode())
    for pin in pins():
        digest.update(pin.encode())
    return digest.hexdigest()


def pins() -> list[str]:
    """What the Lambda runtime brings, at the locked versions, with hashes."""
    run = subprocess.run(
        [UV, "export", "--quiet", "--frozen", "--no-emit-project", "--no-annotate", "--no-header"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    entries = run.stdout.replace("\\\n", " ").splitlines()
    chosen = [line for line in entries if line.split("==")[0] in RUNTIME_DISTRIBUTIONS]
    missing = set(RUNTIME_DISTRIBUTIONS) - {line.split("==")[0] for line in chosen}
    if missing:
        raise BaseError(f"the lock lacks {', '.join(sorted(missing))}; run `uv lock`")
    return sorted(chosen)


def present() -> str | None:
    """The hash of the stand-in that is there; "" for another image of that name, None for none."""
    run = subprocess.run(
        ["docker", "image", "inspect", IMAGE, "--format", "{{json .Config.Labels}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        return None
    labels = json.loads(run.stdout) or {}
    return str(labels.get(LABEL, ""))


def make(version: str) -> None:
    """Put the files together and hand them to Docker.

    Raises:
        BaseError: Something that it needs is not on this machine, or Docker refused.
    """
    if f"{sys.version_info.major}.{sys.version_info.minor}" != VERSION:
        raise BaseError(f"Python {VERSION} is needed to make it, and this is {sys.version}")
    with tempfile.TemporaryDirectory(prefix="lambda-base-") as folder:
        root = Path(folder) / "root"
        lay_out(root)
        changes = [f"ENV {name}={value}" for name, value in ENVIRONMENT.items()]
        changes += ["WORKDIR /var/task", 'ENTRYPOINT ["/lambda-entrypoint.sh"]']
        changes += [f"LABEL {LABEL}={version}"]
        command = ["docker", "import", *(f"--change={change}" for change in changes), "-", IMAGE]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as docker:
            assert docker.stdin is not None
            with tarfile.open(fileobj=docker.stdin, mode="w|") as archive:
                archive.add(root, arcname=".", filter=_as_root)
            docker.stdin.close()
        if docker.returncode:
            raise BaseError("Docker did not take it; see above")


def lay_out(root: Path) -> None:
    """Make the image's file system in a folder."""
    for name in ("dev", "opt", "proc", "root", "sys", "tmp", "usr/bin", "var/rapid", "var/task"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    binaries = [*_commands(root), *_interpreter(root)]
    _libraries(root, binaries)
    _settings(root)
    runtime = root / "var/runtime"
    runtime.mkdir()
    requirements = root.parent / "runtime.txt"
    requirements.write_text("\n".join(pins()), encoding="utf-8")
    install = [str(UV), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    install += ["--target", str(runtime), "--python", sys.executable, "--link-mode=copy"]
    subprocess.run([*install, "-r", requirements], check=True)
    _script(runtime / "bootstrap", BOOTSTRAP)
    _script(root / "lambda-entrypoint.sh", ENTRYPOINT)
    # Bytecode that does not look at times: the image's are not those of the files here.
    build = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*build, "-s", str(root), str(root / "var")], check=True)


def _commands(root: Path) -> Iterator[Path]:
    for name in COMMANDS:
        found = shutil.which(name)
        if found is None:
            raise BaseError(f"the command {name} is not on this machine")
        source = Path(found).resolve()
        _copy(source, root / "bin" / name)
        yield source
    (root / "usr/bin/env").symlink_to("/bin/env")


def _interpreter(root: Path) -> Iterator[Path]:
    prefix = Path(sys.base_prefix)
    lang = root / "var/lang"
    program = prefix / "bin" / f"python{VERSION}"
    _copy(program, lang / "bin" / program.name)
    for name in ("python3", "python"):
        (lang / "bin" / name).symlink_to(program.name)
    yield program
    for library in (prefix / "lib").glob(f"libpython{VERSION}*.so*"):
        _copy(library.resolve(), lang / "lib" / library.name)
    standard = Path(sysconfig.get_paths()["stdlib"])
    leave_out = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(standard, lang / "lib" / standard.name, ignore=leave_out)
    (lang / "lib" / standard.name / "site-packages").mkdir()
    yield from (lang / "lib" / standard.name / "lib-dynload").glob("*.so")


def _libraries(root: Path, binaries: Iterable[Path]) -> None:
    """Copy what binaries are linked to, to the paths where the linker looks for it."""
    environment = os.environ | {"LC_ALL": "C"}
    command = ["ldd", *map(str, binaries)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    found: set[Path] = set()
    for line in run.stdout.splitlines():
        words = line.split()
        if len(words) >= 3 and words[1] == "=>" and words[2].startswith("/"):
            found.add(Path(words[2]))
        elif words and words[0].startswith("/lib64/"):
            found.add(Path(words[0]))
    for folder in {path.parent for path in found}:
        found.update(folder / name for name in LATE_LIBRARIES if (folder / name).exists())
    for path in found:
        if not path.name.startswith("libpython"):
            _copy(path.resolve(), root / path.relative_to("/"))


def _settings(root: Path) -> None:
    etc = root / "etc"
    source = next((path for path in map(Path, CERTIFICATES) if path.is_file()), None)
    if source is None:
        raise BaseError("this machine has no CA certificates; install ca-certificates")
    _copy(source, etc / "ssl/certs/ca-certificates.crt")
    (etc / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n",
        encoding="utf-8",
    )
    (etc / "group").write_text("root:x:0:\nslicer:x:990:\n", encoding="utf-8")
    (etc / "nsswitch.conf").write_text("hosts: files dns\n", encoding="utf-8")


def _script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    return entry


if __name__ == "__main__":
    sys.exit(main())
