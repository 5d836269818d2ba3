"""A call before each bytecode of the hand-offs, for tests that preempt threads where chance hardly ever does.

On Python 3.11 by a trace function, later by sys.monitoring: 3.13 shows a trace function of several threads no bytecodes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

PLACES = ("trader/handoff/", "trader/fleet/links.py")
_monitoring: Any = getattr(sys, "monitoring", None)
_calls: dict[int, Callable[[], object]] = {}     # one a thread


@contextmanager
def watched() -> Iterator[None]:
    """Around everything that uses `before_each`; not twice at once."""
    if _monitoring is None:
        yield
        return
    tool, instruction = _monitoring.DEBUGGER_ID, _monitoring.events.INSTRUCTION
    _monitoring.use_tool_id(tool, "trader.testing.bytecodes")
    _monitoring.register_callback(tool, instruction, _before_instruction)
    _monitoring.set_events(tool, instruction)
    try:
        yield
    finally:
        _monitoring.set_events(tool, 0)
        _monitoring.register_callback(tool, instruction, None)
        _monitoring.free_tool_id(tool)


@contextmanager
def before_each(call: Callable[[], object]) -> Iterator[None]:
    """On the calling thread; inside another such block instead of its call."""
    outer = _calls.get(threading.get_ident())
    _set(call)
    try:
        yield
    finally:
        _set(outer)


def _set(call: Callable[[], object] | None) -> None:
    if call is not None:
        _calls[threading.get_ident()] = call
    else:
        _calls.pop(threading.get_ident(), None)
    if _monitoring is None:
        sys.settrace(_trace_call if call else None)


def _is_watched(code: CodeType) -> bool:
    return any(place in code.co_filename for place in PLACES)


def _before_instruction(code: CodeType, offset: int) -> object:
    if not _is_watched(code):
        return _monitoring.DISABLE
    if (call := _calls.get(threading.get_ident())) is not None:
        call()
    return None


def _trace_call(frame: FrameType, event: str, arg: Any) -> Any:
    if not _is_watched(frame.f_code):
        return None
    frame.f_trace_opcodes, frame.f_trace_lines = True, False
    return _trace_bytecode


def _trace_bytecode(frame: FrameType, event: str, arg: Any) -> Any:
    if event == "opcode":
        _calls[threading.get_ident()]()
    return _trace_bytecode
