"""What a function finds around it: variables, modules, layers, folders."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from redress_local.lambda_service.opt import layer_from_source
from redress_local.lambda_service.workers import WorkerPool

PROJECT = Path(__file__).parents[3]
SOURCES = {
    "RedressLayer": "layers/redress",
    "AgentsLayer": "layers/agents",
    "SandboxLayer": "layers/redress",
    "PolicyLayer": "policies",
}


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    return {
        name: layer_from_source(name, PROJECT / source, folder / name)
        for name, source in SOURCES.items()
    }


def run(pool, spec, event=None):
    outcome = pool.invoke(spec, json.dumps(event or {}).encode())
    assert outcome.function_error is None, outcome.payload
    return json.loads(outcome.payload)


def test_the_environment_is_exactly_that_of_aws(pool, make):
    spec = make(
        "environment",
        environment={"TABLE": "orders", "POLICIES": "/opt/policies", "PLAIN": "x/opt/y"},
        access_key_id="AKIA1",
        memory_mb=300,
        log_group="shared",
        log_format="JSON",
        application_log_level="DEBUG",
    )
    found = run(pool, spec)
    opt = found.pop("POLICIES").removesuffix("/policies")
    runtime = found.pop("LAMBDA_RUNTIME_DIR")
    assert Path(runtime, "boto3").is_dir()
    assert found.pop("PYTHONPATH") == runtime
    assert found.pop("PATH").endswith(f":/usr/local/bin:/usr/bin/:/bin:{opt}/bin")
    assert found.pop("LD_LIBRARY_PATH").endswith(f"{opt}/lib")
    assert found.pop("AWS_LAMBDA_RUNTIME_API").startswith("127.0.0.1:")
    assert f"/{spec.name}[$LATEST]" in found.pop("AWS_LAMBDA_LOG_STREAM_NAME")
    assert found.pop("_X_AMZN_TRACE_ID").startswith("Root=1-")
    assert not Path(found.pop("TMPDIR")).samefile("/tmp")
    assert found == {
        "TABLE": "orders",
        "PLAIN": "x/opt/y",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "_HANDLER": "app.environment",
        "LAMBDA_TASK_ROOT": str(spec.code),
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ACCESS_KEY_ID": "AKIA1",
        "AWS_SECRET_ACCESS_KEY": "redress-local",
        "AWS_SESSION_TOKEN": "redress-local",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "300",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "shared",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
    }


def test_a_fresh_interpreter_finds_the_same(pool, make, tmp_path):
    """What a function sets for the interpreter itself takes a start of its own."""
    (tmp_path / "m.py").write_text(
        "import os, sys\n"
        "def f(event, context):\n"
        "    exits = callable(exit)\n"
        "    return [sys.flags.optimize, sys.path, sorted(os.environ), exits]\n"
    )
    forked = run(pool, make("x", code=tmp_path, handler="m.f", name="forked"))
    environment = {"PYTHONOPTIMIZE": "1"}
    fresh = run(
        pool, make("x", code=tmp_path, handler="m.f", name="fresh", environment=environment)
    )
    assert (forked[0], fresh[0]) == (0, 1)
    assert forked[1] == fresh[1]
    assert set(fresh[2]) - set(forked[2]) == {"PYTHONOPTIMIZE"}
    assert forked[3] is fresh[3] is True


def test_a_function_may_bring_its_own_boto3(pool, make, tmp_path):
    (tmp_path / "boto3.py").write_text("own = 'mine'\n")
    (tmp_path / "m.py").write_text(
        "import boto3, sys\ndef f(event, context): return [boto3.own, sys.path[0]]\n"
    )
    assert run(pool, make("x", code=tmp_path, handler="m.f")) == ["mine", str(tmp_path)]


def test_later_layers_hide_earlier_ones_and_code_hides_both(pool, make, tmp_path):
    for name, modules in {"a": "one two three", "b": "two three", "code": "three m"}.items():
        folder = tmp_path / name / ("" if name == "code" else "python")
        folder.mkdir(parents=True)
        for module in modules.split():
            (folder / f"{module}.py").write_text(f"name = {name!r}\n")
    (tmp_path / "code" / "m.py").write_text(
        "import one, two, three\ndef f(event, context): return [one.name, two.name, three.name]\n"
    )
    for order, expected in (("ab", ["a", "b", "code"]), ("ba", ["a", "a", "code"])):
        spec = make(
            "x",
            name=f"layered-{order}",
            code=tmp_path / "code",
            handler="m.f",
            layers=tuple(tmp_path / name for name in order),
        )
        assert run(pool, spec) == expected


def test_only_layers_bring_what_the_runtime_has_not(pool, make, layers):
    names = [
        "boto3", "botocore", "awslambdaric", "urllib3", "strands", "msgspec", "redress",
        "redress_local", "moto", "pytest", "pip", "cedarpy", "wasmtime", "opentelemetry.sdk.trace",
    ]  # fmt: skip

    def found(spec):
        # Of a package within one that is missing, find_spec raises.
        event = {"names": names if layers["AgentsLayer"] in spec.layers else names[:-1]}
        return {name for name, origin in run(pool, spec, event).items() if origin}

    runtime = {"boto3", "botocore", "awslambdaric", "urllib3"}
    redress = layers["RedressLayer"]
    assert found(make("modules", name="bare")) == runtime
    assert found(make("modules", name="light", layers=(redress,))) == runtime | {
        "msgspec",
        "redress",
    }
    agents = make("modules", name="agents", layers=(redress, layers["AgentsLayer"]))
    assert found(agents) == runtime | {"msgspec", "redress", "strands", "opentelemetry.sdk.trace"}


def test_the_projects_own_layers_work(pool, make, layers, tmp_path):
    (tmp_path / "m.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        "def f(event, context):\n"
        "    import cedarpy, msgspec\n"
        "    from redress.sandbox import wasi_module\n"
        "    from redress.runtime import runtime\n"
        "    return [sorted(os.listdir(os.environ['POLICIES'])), wasi_module.module_name(),\n"
        "            os.environ['WASI'], len(runtime().config.policies_dir), cedarpy.__file__]\n"
    )
    spec = make(
        "x",
        code=tmp_path,
        handler="m.f",
        memory_mb=512,
        layers=tuple(layers[name] for name in ("RedressLayer", "SandboxLayer", "PolicyLayer")),
        environment={"POLICIES": "/opt/policies", "WASI": "/opt/wasi"},
    )
    policies, module, wasi, _, cedarpy = run(pool, spec)
    assert policies == ["redress.cedarschema", "refund-policy.md", "refund.cedar"]
    assert module.endswith(".cwasm")
    assert Path(wasi).is_dir()
    assert cedarpy.startswith(wasi.removesuffix("wasi"))


def test_existing_bytecode_is_used(pool, make, layers, tmp_path):
    (tmp_path / "m.py").write_text(
        "import typing_extensions, msgspec\n"
        "def f(event, context):\n"
        "    import os, sys\n"
        "    cached = [typing_extensions.__cached__, msgspec.__cached__]\n"
        "    return [sys.dont_write_bytecode, [os.path.exists(name) for name in cached]]\n"
    )
    spec = make("x", code=tmp_path, handler="m.f", layers=tuple(layers.values()))
    assert run(pool, spec) == [False, [True, True]]


def test_temporary_files_go_with_the_worker(pool, make):
    spec = make("temporary")
    file = Path(run(pool, spec))
    assert file.is_file()
    pool.discard(spec.name)
    assert not file.parent.exists()


def test_idle_workers_are_retired(make, tmp_path, all_gone):
    pool = WorkerPool(
        endpoint_url="http://x", folder=tmp_path, on_log=lambda *_: None, idle_seconds=0.1
    )
    try:
        spec = make("echo")
        assert all_gone([run(pool, spec)["pid"]])
        until = time.monotonic() + 2
        while pool.counts() and time.monotonic() < until:
            time.sleep(0.01)
        assert pool.counts() == {}
    finally:
        pool.close()


def test_a_full_pool_makes_room(make, tmp_path):
    pool = WorkerPool(
        endpoint_url="http://x", folder=tmp_path, on_log=lambda *_: None, max_workers=2
    )
    try:
        specs = [make("echo", name=name) for name in "abc"]
        first = [run(pool, spec)["pid"] for spec in specs]
        assert pool.counts() == {"b": 1, "c": 1}
        assert run(pool, specs[2])["pid"] == first[2]
        assert run(pool, specs[0])["pid"] != first[0]
        assert pool.counts() == {"c": 1, "a": 1}
    finally:
        pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_hold_no_descriptor_of_the_host(pool, make, tmp_path):
    (tmp_path / "m.py").write_text(
        "import os\n"
        "fd = '/proc/self/fd/'\n"
        "def f(event, context):\n"
        "    names = [n for n in os.listdir(fd) if os.path.islink(fd + n)]\n"
        "    return {n: os.readlink(fd + n) for n in names}\n"
    )
    with (tmp_path / "held").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        fds = run(pool, make("x", code=tmp_path, handler="m.f"))
    assert fds.pop("0") == "/dev/null"
    assert fds.pop("1") == fds.pop("2")
    # What awslambdaric's client opens itself.
    assert all(name.startswith(("socket:", "anon_inode:")) for name in fds.values()), fds
