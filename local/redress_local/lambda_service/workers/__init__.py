"""Runs Lambda functions in warm processes under awslambdaric."""

from redress_local.lambda_service.workers.pool import WorkerPool
from redress_local.lambda_service.workers.slots import PoolExhaustedError
from redress_local.lambda_service.workers.supervisor import PoolClosedError, WorkerPoolError

__all__ = ["PoolClosedError", "PoolExhaustedError", "WorkerPool", "WorkerPoolError"]
