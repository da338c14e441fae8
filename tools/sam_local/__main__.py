"""Invokes every function in its container through the SAM CLI, and checks what each answers.

`sam local invoke` ends with 0 whatever happened, so its output is parsed. The functions meet the
emulated cloud on this machine; samples follow one another in the order of the workflow, each
story on a cloud of its own. The commands are those that users are told; with another port than
the default they also name the variables' file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import IO, Final, NamedTuple

import yaml
from redress_local.cli.endpoint import DEFAULT_PORT
from redress_local.emulated.containers import HOST

from tools.lambda_base import IMAGE
from tools.sam_local.answers import MismatchError, judge
from tools.sam_local.api import ApiError, call_api
from tools.sam_local.cloud import ROOT, Cloud, CloudError, prepare
from tools.sam_local.readme import follow
from tools.sam_local.stories import EXPECTED, ROUTES, STORIES

SAM: Final = ("sh", str(ROOT / "tools" / "sam.sh"))
INVOKE_SECONDS: Final = 300


class Row(NamedTuple):
    """One line of the table."""

    name: str
    ok: bool
    told: str
    seconds: float


def main() -> int:
    """Invoke all, or those that are named; print the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.sam_local", description=__doc__)
    parser.add_argument(
        "functions", nargs="*", help="folders of functions, api, readme; all by default"
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="of the emulated cloud")
    parser.add_argument("--at-once", type=int, default=2, help="containers at once")
    given = parser.parse_args()
    known = {*EXPECTED, "api", "readme"}
    wanted = set(given.functions or known)
    if unknown := wanted - known:
        parser.error(f"no such function: {', '.join(sorted(unknown))}")
    begin = time.monotonic()
    try:
        if unlike := functions_of_template() ^ set(EXPECTED):
            raise CloudError(f"stories.py and the built template differ in {sorted(unlike)}")
        rows = []
        for row in run(wanted, given.port, given.at_once):
            told = f"{'ok  ' if row.ok else 'FAIL'} {row.name:30} {row.seconds:6.1f} s  {row.told}"
            print(told, flush=True)
            rows.append(row)
    except (CloudError, ApiError) as error:
        print(f"sam local: {error}", file=sys.stderr)
        return 1
    failed = sum(not row.ok for row in rows)
    print(f"all in {time.monotonic() - begin:.0f} s\n{len(rows) - failed} passed, {failed} failed")
    return failed > 0


def run(wanted: set[str], port: int, at_once: int) -> Iterator[Row]:
    """Play the stories as far as they are wanted, then the HTTP API."""
    host = container_host()
    for story in STORIES:
        if not wanted & {folder for stage in story.stages for folder in stage}:
            continue
        with Cloud(port, host) as cloud:
            prepare(cloud, story.before)
            for stage in story.stages:
                with ThreadPoolExecutor(at_once) as pool:
                    chosen = [folder for folder in stage if folder in wanted]
                    yield from pool.map(partial(invoke, options=options(cloud, port)), chosen)
    if "api" in wanted:
        with Cloud(port, host) as cloud:
            command = [*SAM, "local", "start-api", *options(cloud, port)]
            for route, told, seconds in call_api(command, ROUTES):
                yield Row(route, told.startswith("answers"), told, seconds)
    if "readme" in wanted:
        for folder, output, seconds in follow(ROOT / "README.md"):
            yield judged(f"README: {name_of(folder)}", folder, output, seconds)


def options(cloud: Cloud, port: int) -> list[str]:
    """None with the default port: samconfig.toml has them."""
    return [] if port == DEFAULT_PORT else ["--env-vars", str(cloud.variables)]


def container_host() -> str:
    """The address by which containers come to this machine.

    Raises:
        CloudError: Docker does not say.
    """
    command = ["docker", "run", "--rm", "--add-host", f"{HOST}:host-gateway"]
    command += ["--entrypoint", "cat", IMAGE, "/etc/hosts"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (line.split() for line in run.stdout.splitlines())
    found = next((words[0] for words in lines if HOST in words[1:]), None)
    if found is None:
        raise CloudError(f"Docker does not start a container: {run.stderr.strip()}")
    return found


def functions_of_template() -> set[str]:
    """The folder of each function of the built template."""
    path = ROOT / ".aws-sam" / "build" / "template.yaml"
    if not path.is_file():
        raise CloudError("nothing is built; run `make build` first")
    resources = yaml.load(path.read_text(encoding="utf-8"), _Loader)["Resources"]  # noqa: S506
    kind = "AWS::Serverless::Function"
    return {folder_of(name) for name, it in resources.items() if it["Type"] == kind}


class _Loader(yaml.SafeLoader):
    """Takes what CloudFormation's tags mark for nothing."""


_Loader.add_multi_constructor("!", lambda *_: None)


def folder_of(name: str) -> str:
    """`open_case` of OpenCaseFunction."""
    stem = name.removesuffix("Function")
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in stem).lstrip("_")


def name_of(folder: str) -> str:
    """OpenCaseFunction of `open_case`."""
    return "".join(word.capitalize() for word in folder.split("_")) + "Function"


def invoke(folder: str, options: list[str]) -> Row:
    """Invoke one function with its sample in a new container."""
    name = name_of(folder)
    command = [*SAM, "local", "invoke", name, "-e", f"events/{folder}.json", *options]
    begin = time.monotonic()
    with tempfile.TemporaryFile() as log:
        try:
            run = subprocess.run(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                timeout=INVOKE_SECONDS,
                check=False,
            )
            told, ok = judge(run.stdout.decode(errors="replace"), EXPECTED[folder]), True
        except (MismatchError, subprocess.TimeoutExpired) as error:
            told, ok = f"{error}\n{_end(log)}", False
    return Row(name, ok, told, time.monotonic() - begin)


def judged(name: str, folder: str, output: str, seconds: float) -> Row:
    """The line for what a function answered."""
    try:
        return Row(name, True, judge(output, EXPECTED[folder]), seconds)
    except MismatchError as error:
        return Row(name, False, str(error), seconds)


def _end(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read()[-3000:].decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
