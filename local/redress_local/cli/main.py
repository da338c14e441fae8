"""`redress`: resolve disputes on this machine, and look at what was done."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError
from redress_local.cli.errors import report, unexpected, unwritable, usage
from redress_local.cli.output import STDIN, OutputError, attach, flush, silence

_HERE = "redress_local.cli"

app = App(
    name="redress",
    help="Resolves customer disputes: agents propose, a state machine disposes.",
    version=lambda: version("redress"),
    suppress_keyboard_interrupt=False,
)

# By import path: `redress --help` and each command import only what they show.
for _name, _target, _help in (
    ("resolve", "resolve:resolve", "Resolve one case: put its event on the bus and follow it."),
    ("cases", "cases:app", "List cases and show one: status, states, evidence, actions."),
    ("approve", "approvals:approve", "Approve what a case waits for, and finish the case."),
    ("deny", "approvals:deny", "Deny what a case waits for, and finish the case."),
    ("events", "events:app", "Put, archive and replay events; look at dead letters."),
    ("up", "up:up", "Serve the whole stack behind AWS's APIs on this machine."),
    ("shop", "shop:shop", "Generate a shop with labelled cases."),
    ("eval", "evaluate:evaluate", "Measure accuracy, tokens and cost on labelled cases."),
    ("asl", "asl:app", "Validate, run and serve state machines."),
    ("sandbox", "sandbox:app", "Run an untrusted program over data by value."),
    ("token", "token:token", "Print an access token for the local cloud's APIs."),
    ("logs", "logs:logs", "Show what a function of the emulated cloud printed."),
    ("doctor", "doctor:doctor", "Check this machine and the store, and say what to do."),
):
    app.command(f"{_HERE}.{_target}", name=_name, help=_help)


def run(tokens: Sequence[str]) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 the call was wrong."""
    as_json = any(word in {"--json", "--json=true"} for word in tokens)
    # A lone hyphen would be taken for an option without a name.
    tokens = [STDIN if word == "-" else word for word in tokens]
    try:
        result = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        flush()
    except CycloptsError as error:
        return usage(error, as_json=as_json)
    except KeyboardInterrupt:
        print("interrupted: run the command again to go on where it stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        silence(sys.stdout)
        return 0
    except OutputError as error:
        return _unwritten(error)
    except OSError as error:
        try:
            flush()
        except OutputError as unwritten:
            # It came from the output, whoever wrote it.
            return _unwritten(unwritten)
        return report(error, as_json=as_json) or unexpected(error, as_json=as_json)
    except Exception as error:  # noqa: BLE001
        # The last resort of the command: known errors are explained, unknown ones are logged.
        return report(error, as_json=as_json) or unexpected(error, as_json=as_json)
    return result if isinstance(result, int) else 0


def _unwritten(error: OutputError) -> int:
    """Say once that the output is lost; what is still buffered goes nowhere."""
    code = unwritable(error)
    silence(sys.stdout)
    return code


def main() -> None:
    """The entry point of the `redress` command."""
    attach()
    code = run(sys.argv[1:])
    try:
        flush()
    except BrokenPipeError:
        silence(sys.stdout)
    except OutputError as error:
        code = _unwritten(error)
    sys.exit(code)


if __name__ == "__main__":
    main()
