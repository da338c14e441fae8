"""TestState: one state, run by the engine's own interpreter, with its answer mocked or real."""

from asl_engine.test_state.service import test_state

__all__ = ["test_state"]
