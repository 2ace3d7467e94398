"""A fault at every statement: a packet is there whole, or not at all."""

from __future__ import annotations

import os

import pytest
from faults.scenarios import SCENARIOS, Scenario
from faults.sweeping import Stage, Sweep, all_faults, some_faults

EVERY = os.environ.get("TEST_FAULTS") == "all"
"""Whether every fault is tried at every statement, and the packet then sent again each time."""

SENT_AGAIN_EACH = 5


@pytest.mark.usefixtures("broken_cursors")
@pytest.mark.filterwarnings("ignore:.*ServerCursor:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_packet_is_there_whole_or_not_at_all(
    stage: Stage, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(stage, scenario, monkeypatch)
    faults = list((all_faults if EVERY else some_faults)(sweep.reference))
    assert len(faults) >= len(sweep.reference.steps) > 2
    for number, fault in enumerate(faults):
        sweep.inject(fault, again=EVERY or number % SENT_AGAIN_EACH == 0)
