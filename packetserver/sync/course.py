"""Where a client stands with a list: within a session, or going on from an answer that it got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from packetserver.store.rows import Rows
from packetserver.sync.answers import Answers, Batches
from packetserver.sync.sessions import is_in_session, is_last_anchor
from packetserver.sync.unconfirmed import confirm_list, doubt_list, doubt_pages, forget_changes
from packetserver.sync.windows import Window, exact_window, known_window


@dataclass(frozen=True)
class Course:
    """What a client with a map has of a list, as far as its last anchor tells."""

    records: Rows
    client_id: int
    answers: Answers
    overlap: timedelta
    now: datetime

    @cached_property
    def is_in_session(self) -> bool:
        """Whether the client has begun a session, whose end alone confirms what was sent."""
        return is_in_session(self.records, self.client_id, self.answers.request.last)

    @cached_property
    def goes_on(self) -> bool:
        """Whether the client names as its last anchor what it has named as its next one before."""
        if self.answers.answered is not None:
            return True
        return is_last_anchor(self.records, self.client_id, self.answers.request.last)

    def window(self) -> Window:
        """Where to look for what the client does not have; its map decides, where it stands.

        Without a session, and with an anchor that it never named, the client gets its window to
        the letter.
        """
        asked = self.answers.request
        if not self.is_in_session and not self.goes_on:
            return exact_window(asked.last, asked.next)
        if self.answers.has_pages_left:
            reach = self.answers.reach
            return Window(asked.last, asked.next, reach=reach, present=self.now)
        answered = self.answers.answered
        return known_window(asked.last, asked.next, self.overlap, self.now, answered)

    def begin(self, offset: int) -> None:
        """Take what came as confirmed, and what must have been lost as lost, before it is asked for.

        A list that is asked for from its beginning is sent from its beginning, and a page that is
        asked for again is sent again. In a session whole packets that are repeated tell as much.
        """
        asked = self.answers.request
        place = (self.records, self.client_id, asked.table_id)
        if offset > 0:
            known = None if self.is_in_session else self.answers.same()
            if known is not None and known.first_batch is not None:
                doubt_pages(*place, (known.first_batch, known.last_batch), offset)
            return
        if self.is_in_session:
            forget_changes(*place)
            return
        self.confirm()
        if self.goes_on or asked.last is None:
            doubt_list(*place, self.answers.batches_lost())
        if not self.goes_on:
            forget_changes(*place)

    def confirm(self) -> None:
        """Take what was sent up to the last anchor as confirmed; in a session only its end does."""
        if self.goes_on and not self.is_in_session:
            place = (self.records, self.client_id, self.answers.request.table_id)
            confirm_list(*place, self.answers.batches_had())

    def note(self, window: Window, batches: Batches, *, complete: bool) -> None:
        """Remember the answer, so that the client can go on from it."""
        known = self.answers.same()
        first, last = batches
        if known is not None and known.first_batch is not None:
            first = min(first, known.first_batch)
        values = {
            "reach": window.reach,
            "first_batch": first,
            "last_batch": last,
            "complete": complete,
        }
        self.answers.note(values, self.now)
