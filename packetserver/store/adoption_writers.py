"""Which objects store rows in other objects' tables, and so fail where such a table refuses rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from packetserver.catalogue.model import Catalogue, ObjectType

QUOTE_VALUES = ("boolean", "float", "integer", "text", "timestamp")

WRITTEN: Mapping[str, tuple[str, ...]] = {
    "add_answer_average": ("active_survey_answer_avg",),
    "add_contact_of_user": ("contact",),
    "add_primary_contact": ("contact",),
    "add_product_to_category": ("product_catalog_category_map",),
    "add_to_outline": ("project_requirements_map",),
    "attach_action_plan": ("action_plan_work", "action_phase_work", "action_item_work"),
    "draw_project_ticket_number": ("project_ticket_count",),
    "first_file_version": ("project_files_version",),
    "link_criteria_lists": ("campaign_list_groups",),
    "link_news_task_category": ("taskcategorylink_news",),
    "link_surveys": ("campaign_survey_link",),
    "link_task_contact": ("tasklink_contact",),
    "log_action_item": ("action_item_log",),
    "log_component": ("opportunity_component_log",),
    "log_quote": ("quotelog",),
    "log_ticket": ("ticketlog",),
    "map_option_to_product": ("product_option_map",),
    "note_assignment": ("project_assignments_status",),
    "note_new_quote": ("quote_notes",),
    "record_history": ("history",),
    "store_option_values": tuple(f"quote_product_option_{each}" for each in QUOTE_VALUES),
}
"""The tables that an effect of the catalogue adds rows to, by its name."""


def writers_of(catalogue: Catalogue, table: str) -> list[str]:
    """The elements of other tables whose records may add a row to this one when they are stored."""
    return [
        each.element
        for each in catalogue.objects.values()
        if each.table not in {None, table} and table in _added_to(each)
    ]


def belonging_to(catalogue: Catalogue, elements: Collection[str]) -> list[str]:
    """The other elements whose records must refer to a record of one of these."""
    tables = {catalogue.objects[each].table for each in elements}
    return [
        each.element
        for each in catalogue.objects.values()
        if each.element not in elements and tables & _demanded(catalogue, each)
    ]


def _added_to(described: ObjectType) -> set[str]:
    effects = (*described.on_insert, *described.on_update)
    return {table for each in effects for table in WRITTEN.get(each.name, ())}


def _demanded(catalogue: Catalogue, described: ObjectType) -> set[str | None]:
    """The tables that a record cannot do without a reference to."""
    return {catalogue.table_of(each) for each in described.stored_fields if each.required} - {None}
