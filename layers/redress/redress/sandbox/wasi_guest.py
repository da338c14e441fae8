"""The first code inside the WASI guest: reads the job, runs the program, reports how it ended.

It runs in CPython 3.12 on WASI, as the same guest as the program: nothing that it reports is
trusted, and the program can change all of it.
"""

import os
import sys

REPORTED = 81
NO_MEMORY = 82


class Silent:
    """Takes what the program prints to stderr: a place for reports only."""

    def write(self, text: str) -> int:
        """Return the length of `text`, as a text stream does."""
        return len(text)

    def flush(self) -> None:
        """Do nothing."""


def main() -> None:
    """Run the job on stdin: one line of settings, the program's length in it, program, input."""
    import json

    settings = json.loads(sys.stdin.buffer.readline())
    code = sys.stdin.buffer.read(settings["code_bytes"]).decode()
    value = json.loads(sys.stdin.buffer.read())
    sys.stderr = Silent()
    sys.argv = ["main.py"]
    if settings["seed_random"]:
        import random

        random.seed(settings["random_seed"])
    report = run(code, {"__name__": "__main__", "INPUT": value}, settings["recursion_depth"])
    status = 0
    try:  # noqa: SIM105 - contextlib takes the guest time to import
        sys.stdout.flush()
    except OSError:
        pass
    if report is not None:
        os.write(2, b"\n" + json.dumps(report).encode())
        status = REPORTED
    os._exit(status)


def run(code: str, namespace: dict[str, object], recursion_depth: int) -> dict[str, object] | None:
    """Return None after a clean end, else `{kind, type, message, line}`."""
    try:
        program = compile(code, "main.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # The parser says MemoryError where its own stack ends.
        return {
            "kind": "syntax",
            "type": type(error).__name__,
            "message": str(getattr(error, "msg", None) or error or "too deeply nested")[:400],
            "line": getattr(error, "lineno", None),
        }
    sys.setrecursionlimit(recursion_depth)
    try:
        exec(program, namespace)  # noqa: S102 - what this guest is for
    except SystemExit as error:
        if error.code in (None, 0):
            return None
        return {"kind": "raised", "type": "SystemExit", "message": str(error.code)[:400]}
    except MemoryError:
        return {"kind": "memory"}
    except BaseException as error:  # noqa: BLE001 - however the program ends, it is reported
        line, trace = None, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "main.py":
                line = trace.tb_lineno
            trace = trace.tb_next
        try:
            message = str(error)[:400]
        except BaseException:  # noqa: BLE001 - a hostile __str__ hides nothing else
            message = ""
        return {"kind": "raised", "type": type(error).__name__, "message": message, "line": line}
    return None


try:
    main()
except MemoryError:
    os._exit(NO_MEMORY)
