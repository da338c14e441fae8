"""The emulated cloud: the template's own resources behind one address that speaks AWS's APIs."""

from __future__ import annotations

import logging
import random
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from redress_local.emulated.gateway.calls import OPERATOR
from redress_local.emulated.gateway.server import Listener, Server
from redress_local.emulated.moto.process import MotoProcess
from redress_local.front.iam import Caller, function_named
from redress_local.template_values import ACCOUNT, REGION

if TYPE_CHECKING:
    from asl_engine import Engine

    from redress_local.emulated.gateway.app import Gateway
    from redress_local.emulated.resources.services import Services
    from redress_local.emulated.resources.stack import Stack
    from redress_local.events.api.service import EventsApi
    from redress_local.events.bus import EventBus
    from redress_local.front.issuer import Issuer
    from redress_local.lambda_service.log_shipper import LogShipper
    from redress_local.lambda_service.service import LambdaService
    from redress_local.lambda_service.types import FunctionSpec
    from redress_local.lambda_service.workers.pool import WorkerPool
    from redress_local.shop.document import Shop

# Executions that may be in a task at once; more wait for a thread.
_ENGINE_THREADS = 64
_DELIVERY_THREADS = 16

_log = logging.getLogger(__name__)

Progress = Callable[[str], None]
"""Told of each part of the start, in a few words."""


class EmulatedCloud:
    """A running local cloud; made by `start`, ended by `stop`.

    Attributes:
        url: The gateway: `AWS_ENDPOINT_URL` for whoever works with the cloud.
        folder: Its state; temporary.
        stack: The template's resources, with their physical ids and outputs.
        further: Stacks that were deployed beside it, by name.
        engine: Runs the state machines.
        bus: Takes events.
        functions: Invokes functions.
        issuer: Mints tokens for the template's user pools.
        gateway: What serves all of it.
    """

    url: str
    stack: Stack
    further: dict[str, Stack]
    engine: Engine
    bus: EventBus
    functions: LambdaService
    issuer: Issuer
    gateway: Gateway
    services: Services
    _events_api: EventsApi
    _logs: LogShipper
    _moto: MotoProcess
    _pool: WorkerPool

    def __init__(self, folder: Path, listener: Listener) -> None:
        self.folder = folder
        self.further = {}
        self._listener = listener
        self._parts = ExitStack()
        self._ready = threading.Event()
        self.url = f"http://127.0.0.1:{listener.port}"

    @classmethod
    def start(
        cls,
        *,
        project: Path | None = None,
        template: Path | None = None,
        port: int,
        hosts: tuple[str, ...] = ("127.0.0.1",),
        parameters: Mapping[str, str] | None = None,
        shop: Shop | None = None,
        built: bool = False,
        progress: Progress = lambda _: None,
        time_factor: float | None = None,
    ) -> EmulatedCloud:
        """Create everything that the template asks for and serve it.

        Args:
            project: The folder of template.yaml.
            template: Another template, instead of the project's.
            port: Of the gateway; 0 takes one that is free.
            hosts: Addresses of this machine to listen on.
            parameters: Values for the template's parameters.
            shop: What the domains' tables hold at first; the example shop when left out.
            built: Take what `sam build` left instead of the sources.
            progress: Told of each part of the start.
            time_factor: What pauses between asynchronous attempts are multiplied by; 1 is AWS's
                pace, by default they are much shorter.

        Raises:
            ServeError: The port is taken.
            TemplateError: The template is wrong, or asks for what the local cloud does not know.
            MotoError: The moto server did not start.
        """
        from redress_local.project import find_project

        project = project or find_project()
        listener = Listener(port, hosts)
        with ExitStack() as undo:
            undo.callback(listener.close)
            folder = tempfile.TemporaryDirectory(prefix="redress-")
            undo.callback(folder.cleanup)
            cloud = cls(Path(folder.name), listener)
            cloud._parts.callback(folder.cleanup)
            undo.callback(cloud.stop)
            cloud._start(
                template or project / "template.yaml",
                parameters,
                shop,
                built,
                progress,
                time_factor,
            )
            undo.pop_all()
        return cloud

    def _start(
        self,
        template: Path,
        parameters: Mapping[str, str] | None,
        shop: Shop | None,
        built: bool,
        progress: Progress,
        time_factor: float | None,
    ) -> None:
        self._moto = moto = MotoProcess()
        self._parts.callback(moto.stop)
        progress("starting moto")
        moto.launch()

        progress("reading the template")
        from redress_local.emulated.resources.translate import built_template, translate

        # While moto imports in its process, this one does.
        if built:
            template = built_template(template.parent)
        self.stack = translate(template, parameters)
        self._build(time_factor, built)
        self.services.warm()
        moto.wait_ready()
        self._serve(moto.url)
        progress(f"creating {len(self.stack.resources)} resources")
        from redress_local.emulated.resources.create import create_all

        create_all(self.stack, self.services)
        self._open_front()
        progress("loading the shop")
        self._seed(shop)
        self._ready.set()

    def _build(self, time_factor: float | None, built: bool) -> None:
        """Make our own services."""
        from asl_engine import Engine, SqliteJournal
        from redress.adapters.sqlite.repository import SqliteStore

        from redress_local.embedded.watch import ExecutionWatch
        from redress_local.emulated.resources.services import Services
        from redress_local.events.api.service import EventsApi
        from redress_local.events.bus import EventBus
        from redress_local.events.schedule_runner import ScheduleRunner
        from redress_local.events.sqs import SqsQueues
        from redress_local.events.store import EventStore
        from redress_local.events.targets import Targets
        from redress_local.front.issuer import Issuer
        from redress_local.lambda_service.destinations import Boto3Sender
        from redress_local.lambda_service.log_shipper import LogShipper
        from redress_local.lambda_service.service import LambdaService
        from redress_local.lambda_service.workers.pool import WorkerPool

        close = self._parts.callback
        journal = SqliteJournal(self.folder / "journal.db")
        close(journal.close)
        records = SqliteStore(self.folder / "events.db", "NORMAL")
        close(records.close)
        client = partial(_late_client, self)
        shipper = LogShipper(partial(client, "logs"))
        self._logs = shipper
        pool: WorkerPool = WorkerPool(
            endpoint_url=self.url, folder=self.folder / "lambda", on_log=shipper.ship
        )
        close(pool.close)
        self._pool = pool
        settings: dict[str, Any] = {} if time_factor is None else {"time_factor": time_factor}
        self.functions = LambdaService(
            pool,
            sender=Boto3Sender(partial(client, "sqs"), partial(client, "events")),
            sqs_client=partial(client, "sqs"),
            **settings,
        )
        close(self.functions.close)
        self.issuer = Issuer()
        self.services = Services(
            endpoint_url=self.url,
            functions=self.functions,
            folder=self.folder,
            issuer=self.issuer,
            built=built,
        )
        close(self.services.close)
        self.engine = Engine(
            journal=journal,
            lambda_invoker=self.functions.task_invoker(),
            lambda_caller=self.functions.task_caller(),
            events=self._put_events,
            clients=client,
            max_workers=_ENGINE_THREADS,
        )
        close(self.engine.close)
        queues = SqsQueues(client("sqs"))
        self.bus = EventBus(
            None,
            EventStore(records),
            Targets(machines=self.engine, functions=self.functions, queues=queues),
            now=time.time,
            workers=_DELIVERY_THREADS,
            chance=random.SystemRandom().random,
            queues=queues,
        )
        close(self.bus.close)
        self._events_api = EventsApi(self.bus)
        self._watch = ExecutionWatch(self.engine, self.bus, inline=False, all_changes=True)
        schedules = ScheduleRunner(self.bus, now=time.time)
        close(schedules.stop)
        schedules.start()

    def _put_events(self, entries: list[dict[str, Any]]) -> Mapping[str, Any]:
        return self._events_api.put_events(entries)

    def _serve(self, moto_url: str) -> None:
        from asl_engine.api.service import StepFunctionsApi

        from redress_local.emulated.bedrock.stub import BedrockStub
        from redress_local.emulated.gateway.app import Gateway, Routes
        from redress_local.front.issuer_app import issuer_app
        from redress_local.front.token_endpoint import token_app
        from redress_local.lambda_service.api import LambdaApi

        bedrock = BedrockStub()
        self._parts.callback(bedrock.close)
        issuer = issuer_app(self.issuer)
        states = StepFunctionsApi(self.engine, account=ACCOUNT, region=REGION)
        self.gateway = Gateway(
            Routes(
                json={
                    "states": states,
                    "events": self._events_api,
                },
                rest={
                    "lambda": LambdaApi(
                        self.functions,
                        code_folder=self.folder / "code",
                        layers=self.services.layers,
                    )
                },
                asgi={"bedrock": bedrock},
                pages={"token": token_app(self.issuer), "bedrock": bedrock.page},
                well_known=issuer,
            ),
            moto_url=moto_url,
            ready=self._ready.is_set,
        )
        server = Server(self.gateway, self._listener)
        self._parts.callback(server.stop)
        server.start()
        # Who waits for a synchronous execution is let go before the server stops.
        self._parts.callback(states.close)
        # What functions wrote goes out before the gateway ends.
        self._parts.callback(self._logs.close)
        # Before both: nobody polls a queue that is no longer served.
        self._parts.callback(self.functions.close)

    def _open_front(self) -> None:
        """Serve the template's own APIs."""
        from redress_local.emulated.resources.fronts import http_apis, websocket_apis
        from redress_local.front.http_front import HttpFront
        from redress_local.front.websocket_front import WebSocketFront
        from redress_local.lambda_service.errors import ThrottledError

        options: dict[str, Any] = {
            "throttled": (ThrottledError,),
            "access_log": self._log_access,
        }
        routes, invoke = self.gateway.routes, self.functions.invoke
        if https := http_apis(self.stack, self.services.local_url):
            http = HttpFront(https, invoke, self.issuer, callers=self._caller, **options)
            self._parts.callback(http.close)
            routes.http, routes.serves = http, http.serves
        if sockets := websocket_apis(self.stack):
            websocket = WebSocketFront(sockets, invoke, **options)
            self._parts.callback(websocket.close)
            routes.websocket = websocket
            routes.rest["execute-api"] = websocket.management
        self._register_callers()

    def _register_callers(self) -> None:
        for spec in self.functions.functions():
            self.gateway.calls.register(spec.access_key_id, spec.logical_id or spec.name)

    def _caller(self, access_key_id: str, user_agent: str, resource: str) -> Caller:
        """Who calls an API of ours: a function is a session of its role, anybody else a user."""
        spec = self._calling_function(access_key_id, user_agent)
        key = spec.access_key_id if spec else access_key_id
        self.gateway.calls.record(key, "execute-api", "Invoke", [resource])
        if spec is not None:
            role = spec.role.rpartition("/")[2]
            arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{spec.name}"
            return Caller(account=ACCOUNT, arn=arn, identity=f"AROALOCAL:{spec.name}")
        arn = f"arn:aws:iam::{ACCOUNT}:user/{OPERATOR}"
        return Caller(account=ACCOUNT, arn=arn, identity="AIDALOCAL")

    def _calling_function(self, access_key_id: str, user_agent: str) -> FunctionSpec | None:
        """The function whose key it is; with nobody's key, the one that the User-Agent names.

        A container of `sam local` has the keys of whoever started it, and for a name the
        function's logical id.
        """
        functions = self.functions.functions()
        for spec in functions:
            if spec.access_key_id == access_key_id:
                return spec
        named = function_named(user_agent)
        return next((it for it in functions if named and named in (it.logical_id, it.name)), None)

    def _log_access(self, destination_arn: str, line: str) -> None:
        self._logs.ship_to(destination_arn.split(":log-group:")[-1].removesuffix(":*"), "api", line)

    def _seed(self, shop: Shop | None) -> None:
        """Fill the domains' tables, where the template has them."""
        from redress.adapters.aws.repository import DynamoDbRepository

        from redress_local.shop.example import example_shop
        from redress_local.shop.seeding import seed_repositories

        names = [self.table(domain) for domain in ("orders", "payments", "inventory")]
        if not all(names):
            return
        dynamodb = self.services.client("dynamodb")
        repositories = [DynamoDbRepository(str(name), dynamodb) for name in names]
        orders, payments, inventory = repositories
        seed_repositories(shop or example_shop(), orders, payments, inventory)

    def deploy(
        self,
        template: Path,
        stack_name: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Stack:
        """Create a further stack beside the first, as another team would.

        Args:
            template: A SAM or CloudFormation template, its sources beside it.
            stack_name: Its name; by default that of the template's folder.
            parameters: Values for its parameters. One without a value and a default that is called
                like an output of the first stack gets that output: `BusName`, for instance.

        Raises:
            TemplateError: The template is wrong, asks for what the local cloud does not know or
                for an API of its own, or the name is taken. What was created remains.
        """
        from redress_local.emulated.further import (
            check_content,
            check_name,
            filled,
            stack_name_for,
        )
        from redress_local.emulated.resources.create import create_all
        from redress_local.emulated.resources.translate import translate

        name = stack_name or stack_name_for(template)
        check_name(name, [self.stack.name, *self.further])
        values = filled(template, parameters or {}, self.stack.outputs)
        stack = translate(template, values, stack_name=name)
        check_content(stack)
        self.further[name] = stack
        create_all(stack, self.services)
        self._register_callers()
        return stack

    def table(self, name: str) -> str | None:
        """The table that functions reach by `REDRESS_<NAME>_TABLE`, if any does."""
        variable = f"REDRESS_{name.upper()}_TABLE"
        for function in self.functions.functions():
            if variable in function.environment:
                return function.environment[variable]
        return None

    def client(self, service: str) -> Any:
        """A boto3 client of the cloud."""
        return self.services.client(service)

    def check(self) -> None:
        """Check that its other process still runs: without it nothing can be served.

        Raises:
            MotoError: The moto server has ended by itself.
        """
        self._moto.check()

    def warm(self) -> None:
        """Start a worker for every function now, so that first invocations need not."""
        self._pool.warm(self.functions.functions())

    def stop(self) -> None:
        """End everything; nothing is left behind."""
        self._ready.clear()
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _late_client(cloud: EmulatedCloud, service: str) -> Any:
    """A client that is made on first use: the services know each other before there is one."""
    return cloud.services.client(service)
