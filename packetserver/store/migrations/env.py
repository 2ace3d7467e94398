"""Runs the migrations on the connection that the caller has opened, in its transaction."""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=attributes.get("metadata"),
    process_revision_directives=attributes.get("rewrite"),
    include_object=attributes.get("compares"),
)
context.run_migrations()
