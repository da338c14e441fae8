"""What a worker finds around it: environment variables and module path, as in AWS.

There is no /opt and no /var/task on this machine: values of a function's own variables that begin
with `/opt/` are rewritten to its merged layer folder, and paths that AWS sets itself name the
folders here. AWS_XRAY_DAEMON_ADDRESS is left out, for there is no daemon. Workers run on the
interpreter that runs the local cloud (3.11 to 3.13), whatever `runtime` the template names;
AWS_EXECUTION_ENV says that of the template, for programs read it.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from redress_local.lambda_service.types import FunctionSpec
from redress_local.lambda_service.workers.supervisor import library_path
from redress_local.lambda_service.workers.zygote import RUNTIME_NAMES

SECRET_ACCESS_KEY = "redress-local"  # noqa: S105 - the gateway checks no signature
SESSION_TOKEN = "redress-local"  # noqa: S105


def log_stream_name(spec: FunctionSpec, now: datetime | None = None) -> str:
    """Return a new stream name; with a log group of its own choice the function's name is in it."""
    day = (now or datetime.now(UTC)).strftime("%Y/%m/%d")
    own = spec.log_group not in ("", f"/aws/lambda/{spec.name}")
    return f"{day}/{spec.name if own else ''}[$LATEST]{uuid4().hex}"


def worker_environment(
    spec: FunctionSpec,
    *,
    opt: Path,
    runtime_folder: Path,
    temporary: Path,
    api_address: str,
    log_stream: str,
    endpoint_url: str,
) -> dict[str, str]:
    """Return the whole environment of a worker.

    Args:
        spec: The function; its own variables win over none of AWS's reserved ones.
        opt: Its merged layer folder.
        runtime_folder: The folder of what the Lambda runtime itself holds.
        temporary: The worker's own folder for temporary files (TMPDIR).
        api_address: `host:port` of its Runtime API.
        log_stream: Its log stream.
        endpoint_url: The gateway, for every AWS service.
    """
    opt_folder = str(opt)
    own = {
        name: opt_folder + value.removeprefix("/opt") if value.startswith("/opt/") else value
        for name, value in spec.environment.items()
    }
    region = spec.arn.split(":")[3] if spec.arn.count(":") >= 3 else ""
    task = str(spec.code)
    runtime = str(runtime_folder)
    libraries = ["/lib64", "/usr/lib64", runtime, f"{runtime}/lib", task, f"{task}/lib"]
    # What a function may set itself.
    defaults = {
        "LANG": "en_US.UTF-8",
        "PATH": f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin/:/bin:{opt_folder}/bin",
        "LD_LIBRARY_PATH": ":".join([library_path(), *libraries, f"{opt_folder}/lib"]),
        "PYTHONPATH": runtime,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_ENDPOINT_URL": endpoint_url,
        # Names such as `sync-127.0.0.1`, which some operations call otherwise, are nobody's.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "TMPDIR": str(temporary),
    }
    reserved = {
        "_HANDLER": spec.handler,
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": task,
        "LAMBDA_RUNTIME_DIR": runtime,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_ACCESS_KEY_ID": spec.access_key_id,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group or f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": api_address,
    }
    if spec.log_format.upper() == "JSON":
        reserved["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        reserved["AWS_LAMBDA_LOG_LEVEL"] = spec.application_log_level or "INFO"
    return {**defaults, **own, **reserved}


def module_path(spec: FunctionSpec, opt: Path, runtime_folder: Path) -> list[str]:
    """Return the front of sys.path in AWS's order: the code, the layers, then the runtime's own."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [
        str(spec.code),
        str(opt / "python" / "lib" / version / "site-packages"),
        str(opt / "python"),
        str(runtime_folder),
    ]


def needs_own_interpreter(spec: FunctionSpec, opt: Path) -> bool:
    """Tell whether a fork of the zygote would differ from a fresh interpreter.

    It would where the function or its layers bring a module that the zygote has already loaded,
    and where the function sets variables that the interpreter reads when it starts.
    """
    if any(name.startswith("PYTHON") for name in spec.environment):
        return True
    folders = [Path(text) for text in module_path(spec, opt, Path())[:3]]
    return any(
        (folder / name).is_dir() or (folder / f"{name}.py").is_file()
        for folder in folders
        for name in RUNTIME_NAMES
    )
