"""An engine without a database, and a client of the application on it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from protocols.packet.exchanges import EchoEngine, client_of


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine()


@pytest.fixture
def client(engine: EchoEngine) -> FlaskClient:
    return client_of(engine)
