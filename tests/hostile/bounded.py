"""Runs attacks in a process of their own, which has only so much of the processor and of memory."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
OUTER_SECONDS = 300
"""A stuck process is ended after so long; what counts is the processor's time."""


def run_bounded(script: str, cpu_seconds: int, memory_bytes: int | None = None) -> str:
    """What a script prints; it fails when it takes more of the processor, or of memory.

    Whoever computes for ever is ended by the kernel, however busy the machine is with others.
    """

    def confine() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        if memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=OUTER_SECONDS,
        check=False,
        preexec_fn=confine,
    )
    assert done.returncode == 0, f"ended by {done.returncode}: {done.stdout}{done.stderr}"[-3000:]
    return done.stdout
