"""The engine's front: register machines, start, run, watch, stop and redrive executions."""

from asl_engine.engine.front import Engine

__all__ = ["Engine"]
