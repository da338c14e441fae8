"""Where executions are kept: in memory, or in a SQLite file that outlives the process."""

from asl_engine.journal.memory import MemoryJournal
from asl_engine.journal.records import Event, ExecutionRecord, Journal
from asl_engine.journal.sqlite import SqliteJournal

__all__ = ["Event", "ExecutionRecord", "Journal", "MemoryJournal", "SqliteJournal"]
