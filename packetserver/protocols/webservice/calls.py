"""What an operation is, and what it is given when it is called."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from packetserver.errors import RefusalUnexplained
from packetserver.protocols.webservice.errors import (
    AUTHENTICATION_REQUIRED,
    NOT_SUPPORTED,
    WebServiceError,
    Words,
    no_json,
)
from packetserver.protocols.webservice.parameters import Parameters
from packetserver.records import Records
from packetserver.records.runner import RequestRun
from packetserver.records.service import Service
from packetserver.security.access_keys import Seals, key_file
from packetserver.security.sessions import Limits, Session
from packetserver.settings import Settings
from packetserver.store.row_locks import TouchedRows
from packetserver.store.unit_of_work import UnitOfWork

Result = TypeVar("Result")


class Method(Enum):
    """How an operation is to be called, see `Operation.takes`."""

    GET = "GET"
    POST = "POST"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation.

    ``required`` is what is told where it lacks. ``also`` are other spellings of its name. One that
    ``is_json`` is handed on as what its text means, None where there is none.
    """

    name: str
    required: Words | None = None
    also: tuple[str, ...] = ()
    is_json: bool = False

    def read(self, given: Parameters) -> Any:
        """Its value; raises WebServiceError where it lacks or is no JSON."""
        names = (self.name, *self.also)
        text = next((found for name in names if (found := given.text(name))), "")
        if not text and self.required is not None:
            raise WebServiceError(self.required)
        if not self.is_json:
            return text
        try:
            return json.loads(text, parse_constant=_refuse) if text else None
        except (ValueError, RecursionError) as error:
            raise WebServiceError(no_json(self.name)) from error


def _refuse(constant: str) -> None:
    raise ValueError(constant)


@dataclass(frozen=True, slots=True)
class Answer:
    """A result with what stands beside it."""

    result: Any
    beside: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the table: its name is compared in any letter case.

    ``run`` returns what JSON can hold, or an `Answer`; it raises WebServiceError, or Refused, for
    what cannot be done. ``without_session`` is told where there is no session, or none that is
    alive; without it, what is wrong with it is.
    """

    name: str
    run: Callable[[Call], Any]
    method: Method = Method.GET
    parameters: tuple[Parameter, ...] = ()
    needs_session: bool = True
    also_by_get: bool = False
    without_session: Words | None = None

    def takes(self, method: str) -> bool:
        """Whether it may be called by a method of HTTP.

        What reads may be called by any, what writes by POST alone, or by GET where a document prints
        it so; HEAD, OPTIONS and PUT count as GET, but never write.
        """
        if self.method is Method.GET or method == Method.POST.value:
            return True
        return self.also_by_get and method == Method.GET.value

    def read(self, given: Parameters, method: str) -> dict[str, Any]:
        """The values of its parameters by their names, all of which are there.

        Raises WebServiceError. By a wrong method parameters lack, as they did in the original, which
        looked for them in the body alone.
        """
        if not self.takes(method):
            lacking = (each.required for each in self.parameters if each.required is not None)
            raise WebServiceError(next(lacking, NOT_SUPPORTED))
        return {each.name: each.read(given) for each in self.parameters}


class WebService:
    """What all calls share; safe to use from many threads."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service = service
        self.settings = settings
        self.seals = Seals(key_file(settings))
        self.limits = Limits.of(settings)

    def seconds(self) -> float:
        """The present, in seconds since 1970."""
        return self.service.preferences.clock().timestamp()


@dataclass(slots=True)
class Call:
    """A call of an operation: ``values`` are its parameters; ``address`` is where its client is.

    ``run`` and ``session`` are there for all operations that need a session.
    """

    web: WebService
    given: Parameters
    address: str
    values: Mapping[str, Any] = field(default_factory=dict)
    found_session: Session | None = None
    found_run: RequestRun | None = None

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def service(self) -> Service:
        """The records of the installation."""
        return self.web.service

    @property
    def session(self) -> Session:
        """Who asks. Raises WebServiceError for an operation that needs no session."""
        if self.found_session is None:
            raise WebServiceError(AUTHENTICATION_REQUIRED)
        return self.found_session

    @property
    def run(self) -> RequestRun:
        """What runs the jobs of the call. Raises as ``session``."""
        if self.found_run is None:
            raise WebServiceError(AUTHENTICATION_REQUIRED)
        return self.found_run

    def read(self, job: Callable[[Records], Result]) -> Result:
        """Do a job that only reads records, as who asks. Raises what it does, and StoreUnavailable."""
        return self._with_records(job, writes=False)

    def write(self, job: Callable[[Records], Result]) -> Result:
        """Do a job that may change records, as who asks, and store what it did as a whole.

        It may be done more than once, and leaves nothing where it fails. Raises what it does, and
        StoreUnavailable.
        """
        return self._with_records(job, writes=True)

    def attempt(self, job: Callable[[UnitOfWork], Result], *, writes: bool) -> Result:
        """Do a job in a unit of work, and commit it."""
        return self.run.attempt(job, writes=writes, keep=lambda _: True)

    def _with_records(self, job: Callable[[Records], Result], *, writes: bool) -> Result:
        service, principal = self.service, self.session.principal
        closely = False

        def done(work: UnitOfWork) -> Result:
            nonlocal closely
            touched = TouchedRows() if writes and service.database.is_server else None
            try:
                with work.part(alone=True):
                    records = Records(
                        *(work, service.schema, principal, service.preferences),
                        touched=touched,
                        closely=closely,
                    )
                    result = job(records)
                    records.settle()
            except RefusalUnexplained:
                # Done again, it keeps what it needs to ask why.
                closely = True
                raise
            return result

        return self.attempt(done, writes=writes)
