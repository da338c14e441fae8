"""Measures what `make build` made of each function: megabytes, import seconds, modules.

python -m tools.sizes [--build FOLDER] [--readme FILE]

Each function is started as Lambda does it: its folder, its layers in the template's order and what
the runtime itself brings (boto3) are all that Python finds; nothing can be written, and every file
is of 1980, as in the archives that the SAM CLI makes. "Plain" is what `sam build` makes by itself
(see tools/plain_build.py), started in the same way. "Ready" is import plus everything that a first
invocation makes before it works: clients, policies, model.

The table goes between the markers in README.md. Exit code 1: a target is missed; 2: nothing could
be measured.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from redress_local.template_document import load_document

from tools.plain_build import PlainBuildError, function_name, plain_build
from tools.sizes.artefacts import Artefacts
from tools.sizes.report import BEGIN, put_into, table
from tools.sizes.starts import Startable, StartError, start, variables_of
from tools.sizes.targets import Size, Start, best, kind_of, missed, ports_of

ROOT = Path(__file__).parents[2]
# A busy machine takes longer; more rounds find out.
ROUNDS, MOST_ROUNDS = 1, 12


class Function(NamedTuple):
    """A function of a built template."""

    name: str
    layers: tuple[str, ...]
    source: str
    ports: list[str]
    variables: dict[str, str]


def functions_of(build: Path, root: Path) -> list[Function]:
    """Return the functions of a built template.

    Args:
        build: Holds template.yaml and a folder for each function.
        root: The repository, whose template names the functions' sources.

    Raises:
        StartError: The build is of another template.
    """
    document = load_document(build / "template.yaml")
    sources = load_document(root / "template.yaml")["Resources"]
    shared = document["Globals"]["Function"].get("Layers", [])

    def function(name: str, properties: dict[str, Any]) -> Function:
        layers = tuple(layer["Ref"] for layer in [*shared, *properties.get("Layers", [])])
        if name not in sources:
            raise StartError(f"{name} is built, but no longer in the template: run `make build`")
        source = sources[name]["Properties"]["CodeUri"]
        ports = ports_of(build / name / "handler.py")
        return Function(name, layers, source, ports, variables_of(properties))

    return [
        function(name, body["Properties"])
        for name, body in document["Resources"].items()
        if body["Type"] == "AWS::Serverless::Function"
    ]


def sizes(build: Path, root: Path) -> list[Size]:
    """Measure every function of a built template beside its plain build.

    Args:
        build: Holds template.yaml and a folder for each function and layer.
        root: The repository.

    Raises:
        PlainBuildError: The SAM CLI does not build the plain ones.
        StartError: A function does not start, or is built from another template.
    """
    functions = functions_of(build, root)
    plain = plain_build({each.layers: each.source for each in reversed(functions)})
    sources = {function_name(layers): folder for layers, folder in plain.items()}
    for each in functions:
        sources |= {name: build / name for name in [each.name, *each.layers]}
    with tempfile.TemporaryDirectory(prefix="redress-sizes-") as text:
        artefacts = Artefacts(sources, Path(text))
        ours = {each.name: _ours(artefacts, each) for each in functions}
        plains = {each.name: _plain(artefacts, each) for each in functions}
        # No more at once than make the others slower.
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(
                lambda each: _measured(artefacts, each, ours[each.name], plains[each.name]),
                functions,
            )
            return sorted(found, key=lambda each: (each.kind, each.name))


def _ours(artefacts: Artefacts, function: Function) -> Startable:
    opt = artefacts.merged(function.layers)
    paths = [artefacts.folder(function.name), opt / "python", artefacts.runtime]
    return Startable(paths, opt, function.ports, function.variables)


def _plain(artefacts: Artefacts, function: Function) -> Startable:
    """The plain build of its kind, with its own handler."""
    task = artefacts.merged((function_name(function.layers), function.name))
    return Startable([task, artefacts.runtime], task, function.ports, function.variables)


def _measured(artefacts: Artefacts, function: Function, ours: Startable, plain: Startable) -> Size:
    """Start both in turn until the targets are met or there were enough rounds."""
    parts = [function.name, *function.layers]
    plain_name = [function_name(function.layers)]
    unzipped, plain_unzipped = artefacts.megabytes(parts), artefacts.megabytes(plain_name)
    starts: list[Start] = []
    plain_starts: list[Start] = []
    while True:
        try:
            starts.append(start(ours))
            plain_starts.append(start(plain))
        except StartError as error:
            raise StartError(f"{function.name} does not start:\n{error}") from None
        size = Size(
            function.name,
            kind_of(function.ports, function.layers),
            unzipped,
            artefacts.zip_megabytes(parts),
            best(starts),
            plain_unzipped,
            artefacts.zip_megabytes(plain_name),
            best(plain_starts),
        )
        rounds = len(starts)
        if rounds == MOST_ROUNDS or (rounds >= ROUNDS and not missed(size)):
            return size


def main(arguments: list[str]) -> int:
    """Print the table and what misses its target."""
    parser = argparse.ArgumentParser(prog="python -m tools.sizes", description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    chosen = parser.parse_args(arguments)
    if sys.version_info[:2] != (3, 13):
        print("sizes: the bytecode is for Python 3.13: run this with it", file=sys.stderr)
        return 2
    if not (chosen.build / "template.yaml").is_file():
        print(f"sizes: nothing is built in {chosen.build}: run `make build` first", file=sys.stderr)
        return 2
    try:
        found = sizes(chosen.build, ROOT)
    except (PlainBuildError, StartError) as error:
        print(f"sizes: {error}", file=sys.stderr)
        return 2
    text = table(found)
    print(text)
    if not put_into(chosen.readme, text):
        print(f"sizes: {chosen.readme} has no line {BEGIN!r}: nothing written", file=sys.stderr)
    problems = [line for size in found for line in missed(size)]
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
