"""A JSONata-mode interpreter of the Amazon States Language: durable, concurrent, in one process."""

from asl_engine.clock import Clock, SystemClock, VirtualClock
from asl_engine.compiler import compile_machine
from asl_engine.engine import Engine
from asl_engine.errors import (
    AslEngineError,
    ExecutionExistsError,
    ExecutionNotFoundError,
    ExecutionNotRedrivableError,
    InvalidDefinitionError,
    InvalidInputError,
    InvalidNameError,
    MachineNotFoundError,
    TaskError,
    TaskTokenError,
)
from asl_engine.execution import Execution
from asl_engine.integrations import Integration, TaskRequest
from asl_engine.journal import Journal, MemoryJournal, SqliteJournal
from asl_engine.program import StateMachine
from asl_engine.source import DefinitionFileError, load_definition, substitute
from asl_engine.validation import Diagnostic, validate

__all__ = [
    "AslEngineError",
    "Clock",
    "DefinitionFileError",
    "Diagnostic",
    "Engine",
    "Execution",
    "ExecutionExistsError",
    "ExecutionNotFoundError",
    "ExecutionNotRedrivableError",
    "Integration",
    "InvalidDefinitionError",
    "InvalidInputError",
    "InvalidNameError",
    "Journal",
    "MachineNotFoundError",
    "MemoryJournal",
    "SqliteJournal",
    "StateMachine",
    "SystemClock",
    "TaskError",
    "TaskRequest",
    "TaskTokenError",
    "VirtualClock",
    "compile_machine",
    "load_definition",
    "substitute",
    "validate",
]
