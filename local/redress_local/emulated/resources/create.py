"""Creates a stack's resources, each as soon as all that it needs exists."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from redress_local.emulated.resources.cloud_only import CLOUD_ONLY
from redress_local.emulated.resources.errors import ResourceError
from redress_local.emulated.resources.making import Making
from redress_local.emulated.resources.registry import creator
from redress_local.emulated.resources.services import Services
from redress_local.emulated.resources.stack import Created, Resource, Stack
from redress_local.template_values import ACCOUNT, REGION, TemplateError

# Calls wait for another process and for this one's gateway; more threads would wait for the CPU.
_THREADS = 4


def create_all(stack: Stack, services: Services) -> None:
    """Create every resource of a stack and of those nested in it, and fill its outputs.

    User pools are made known to the services' issuer, if there is one. Blocks; the gateway must
    serve from other threads.

    Args:
        stack: From `translate`; each can be created once.
        services: Where the resources go.

    Raises:
        ResourceError: A resource could not be created; the message names it. Those before it
            remain.
    """
    from redress_local.emulated.resources.fronts import user_pools

    create_stack(stack, services)
    if services.issuer is not None:
        for pool in user_pools(stack):
            services.issuer.register(pool)


def create_stack(stack: Stack, services: Services) -> None:
    """Create one stack's resources and fill its outputs; `create_all` does all else."""
    waiting = {resource.logical_id: set(resource.after) for resource in stack.order()}
    running: dict[Future[Created], str] = {}
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="create") as pool:
        try:
            while waiting or running:
                for logical_id in [name for name, needs in waiting.items() if not needs]:
                    del waiting[logical_id]
                    running[pool.submit(_create, stack, services, logical_id)] = logical_id
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    logical_id = running.pop(future)
                    stack.created[logical_id] = future.result()
                    for needs in waiting.values():
                        needs.discard(logical_id)
        except BaseException:
            _cancel(running)
            raise
    stack.resolve_outputs()
    for name, value in stack.outputs.items():
        if isinstance(value, str):
            stack.outputs[name] = services.local_url(value)


def _cancel(futures: Iterable[Future[Created]]) -> None:
    for future in futures:
        future.cancel()


def _create(stack: Stack, services: Services, logical_id: str) -> Created:
    resource = stack.resources[logical_id]
    if resource.type in CLOUD_ONLY:
        return _stand_in(resource)
    try:
        properties = stack.value(resource.properties)
        stack.resolved[logical_id] = properties
        return creator(resource).create(Making(resource, properties, stack, services))
    except ResourceError:
        raise
    except TemplateError as error:
        raise ResourceError(f"{resource}: {error}") from None
    except (AttributeError, KeyError, TypeError) as error:
        # A property of another shape than the type's; cfn-lint says more.
        raise ResourceError(f"{resource}: malformed ({type(error).__name__}: {error})") from error


def _stand_in(resource: Resource) -> Created:
    arn = f"arn:aws:cloud-only:{REGION}:{ACCOUNT}:{resource.logical_id}"
    return Created(ref=resource.logical_id, attributes={"Arn": arn}, cloud_only=True)
