"""What one sync client calls the records that it has: the table sync_map (PROTOCOL.md 6.3, 6.4)."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, and_, delete, insert, select, tuple_, update

from packetserver.errors import TransactionFailure
from packetserver.store.guid_columns import NO_CLIENT, SYSTEM
from packetserver.store.records import Records
