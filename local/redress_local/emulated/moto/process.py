"""The process that serves DynamoDB, SQS, S3, SSM, KMS, Secrets Manager, Logs and IAM by moto."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import IO, Self

from redress_local.template_values import ACCOUNT, REGION

SERVICES = ("dynamodb", "sqs", "s3", "ssm", "kms", "secretsmanager", "logs", "iam")
"""What is imported at the start, the slow ones in the background; the rest when first called."""

START_SECONDS = 20.0
_MODULE = "redress_local.emulated.moto.serve"


class MotoError(Exception):
    """The moto process did not start, or has ended."""


class MotoProcess:
    """A moto server on loopback, in a process of its own, on a port of its own choice.

    The process ends when this one does, however that is: it watches a pipe from here.

    Args:
        account: The AWS account id that everything belongs to.
        region: The default region.
        services: moto's names of the services to import at once.

    Attributes:
        port: Where it listens, once started.
    """

    def __init__(
        self, *, account: str = ACCOUNT, region: str = REGION, services: Sequence[str] = SERVICES
    ) -> None:
        self._arguments = [account, region, *services]
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens, as a URL without path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process's id, None before it started."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> MotoProcess:
        """Start the process and do not wait: other work can be done while it imports."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "MOTO_"))
        }
        # In a file, not a pipe: nobody reads it unless the process fails.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", _MODULE, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, which then stops this one
        )
        return self

    def wait_ready(self, timeout: float = START_SECONDS) -> MotoProcess:
        """Wait until it listens.

        Raises:
            MotoError: It ended, or was not ready in time.
        """
        process = self._process
        assert process is not None
        assert process.stdout is not None
        line = _read_line(process.stdout, timeout)
        try:
            answer = json.loads(line or b"")
        except ValueError:
            answer = {"error": self._last_words(line is None, timeout)}
        if "port" not in answer:
            self.stop()
            raise MotoError(f"the moto server did not start: {answer['error']}")
        self.port = int(answer["port"])
        return self

    def start(self) -> MotoProcess:
        """Start and wait until it listens.

        Raises:
            MotoError: It ended, or was not ready in time.
        """
        return self.launch().wait_ready()

    def check(self) -> None:
        """Tell whether it still runs, once it did.

        Raises:
            MotoError: It has ended by itself.
        """
        if self._process is not None and not self.alive:
            raise MotoError(f"the moto server is gone: {self._last_words(silent=False, timeout=0)}")

    def stop(self) -> None:
        """End the process; harmless if it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        if self._errors is not None:
            self._errors.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _last_words(self, silent: bool, timeout: float) -> str:
        if silent:
            return f"it was not ready after {timeout:.0f} s"
        assert self._process is not None
        assert self._errors is not None
        code = self._process.wait(5)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"it ended with code {code}: {lines[-1] if lines else 'it wrote nothing'}"


def _read_line(stream: IO[bytes], timeout: float) -> bytes | None:
    """Return one line or what there is at the end of the stream, None when the time is over."""
    end = time.monotonic() + timeout
    data = b""
    while not data.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return None
        part = os.read(stream.fileno(), 4096)
        if not part:
            break
        data += part
    return data
