"""What plans, projects, files and custom fields change beside themselves."""

from __future__ import annotations

from datetime import datetime

import pytest

ADMIN, REP = 1, 2
LATE = "2031-05-06 07:08:09.0"
LATE_STORED = datetime(2031, 5, 6, 7, 8, 9)
ATTACH_FOLDER = 110061033


def is_now(moment):
    return abs((datetime.now() - moment).days) <= 1


def plan(desk):
    return desk.insert("actionPlan", name=desk.name())


def plan_work(desk):
    link = {"linkModuleId": 1, "linkItemId": desk.account()}
    return desk.insert("actionPlanWork", actionPlanId=plan(desk), assignedTo=ADMIN, **link)


def phase(desk, **values):
    values.setdefault("planId", plan(desk))
    return desk.insert("actionPhase", name=desk.name(), **values)


def step(desk, **values):
    values.setdefault("phaseId", phase(desk))
    return desk.insert("actionStep", description="x", **values)


def test_a_plan_is_approved_and_disapproved(desk):
    key = plan(desk)

    def approved():
        return desk.row("action_plan", plan_id=key)["approved"]

    desk.update("actionPlan", key, justApproved=True)
    assert is_now(approved())
    desk.update("actionPlan", key, description="x")
    assert is_now(approved())
    desk.update("actionPlan", key, justDisapproved=True)
    assert approved() is None


def test_a_disabled_plan_is_archived(desk):
    key = plan(desk)

    def archived():
        return desk.row("action_plan", plan_id=key)["archive_date"]

    desk.update("actionPlan", key, enabled=False, archiveDate=LATE)
    assert archived() == LATE_STORED
    desk.update("actionPlan", key, enabled=False)
    assert archived() == LATE_STORED
    desk.update("actionPlan", key, enabled=True)
    assert archived() is None
    desk.update("actionPlan", key, enabled=False)
    assert is_now(archived())


def test_work_without_a_level_comes_last(desk):
    work, template = plan_work(desk), phase(desk)
    keys = [
        desk.insert("actionPhaseWork", planWorkId=work, actionPhaseId=template, level=level)
        for level in (-1, 7, 0)
    ]
    levels = [desk.row("action_phase_work", phase_work_id=each)["level"] for each in keys]
    assert levels == [1, 7, 8]
    item = {"actionStepId": step(desk, phaseId=template)}
    first, second = (desk.insert("actionItemWork", phaseWorkId=each, **item) for each in keys[:2])
    for key in (first, second):
        assert desk.row("action_item_work", item_work_id=key)["level"] == 1


def test_a_removed_phase_leaves_no_gap(desk):
    key = plan(desk)
    first = phase(desk, planId=key)
    second = phase(desk, planId=key, parentId=first)
    third = phase(desk, planId=key, parentId=second)
    desk.act("delete", "actionPhase", id=second)
    assert desk.row("action_phase", phase_id=third)["parent_id"] == first
    desk.act("delete", "actionPhase", id=first)
    assert desk.row("action_phase", phase_id=third)["parent_id"] is None


def test_steps_lose_a_record_that_is_removed(desk):
    folder = desk.insert("customFieldCategory", moduleId=1, name=desk.name())
    link = {"linkModuleId": 1, "linkItemId": desk.account()}
    record = desk.insert("customFieldRecord", categoryId=folder, **link)
    actions = {"attach": ATTACH_FOLDER, "other": 110061030}
    work = desk.insert(
        "actionPhaseWork", planWorkId=plan_work(desk), actionPhaseId=phase(desk), level=1
    )
    items = {}
    for name, action in actions.items():
        kind = step(desk)
        desk.change("action_step", {"step_id": kind}, action_id=action)
        items[name] = desk.insert("actionItemWork", phaseWorkId=work, actionStepId=kind)
        linked = {"link_module_id": 1, "link_item_id": record}
        desk.change("action_item_work", {"item_work_id": items[name]}, **linked)

    desk.act("delete", "customFieldRecord", id=record)

    assert desk.row("action_item_work", item_work_id=items["attach"])["link_item_id"] is None
    assert desk.row("action_item_work", item_work_id=items["other"])["link_item_id"] == record


def project(desk):
    return desk.insert("project", title="x", shortDescription="x", requestDate=LATE)


def requirement(desk, **values):
    texts = {"shortDescription": "x", "description": "x"}
    return desk.insert("requirement", projectId=project(desk), **texts, **values)


@pytest.mark.parametrize(
    ("element", "table", "key_column", "by"),
    [
        ("project", "projects", "project_id", "approvalby"),
        ("documentStore", "document_store", "document_store_id", "approvalby"),
        ("requirement", "project_requirements", "requirement_id", "approvedby"),
    ],
)
def test_approval_and_closing_follow_their_controls(desk, element, table, key_column, by):
    makers = {
        "project": project,
        "requirement": requirement,
        "documentStore": lambda desk: desk.insert(
            "documentStore", title="x", shortDescription="x", requestDate=LATE
        ),
    }
    key = makers[element](desk)

    def row():
        return desk.row(table, **{key_column: key})

    desk.update(element, key, approved=True, closed=True)
    assert is_now(row()["approvaldate"])
    assert is_now(row()["closedate"])
    assert row()[by] == ADMIN
    desk.update(element, key, approvalDate=LATE)
    desk.update(element, key, approved=True)
    assert row()["approvaldate"] == LATE_STORED
    desk.update(element, key, approved=False, closed=False)
    assert (row()["approvaldate"], row()["closedate"], row()[by]) == (None, None, None)


def test_a_requirement_may_be_approved_from_the_beginning(desk):
    row = desk.row("project_requirements", requirement_id=requirement(desk, approved=True))
    assert is_now(row["approvaldate"])
    assert row["approvedby"] == ADMIN


def assignment(desk, key, **values):
    of_project = desk.row("project_requirements", requirement_id=key)["project_id"]
    values = {"projectId": of_project, "role": "x", "statusId": 1, **values}
    return desk.insert("assignment", requirementId=key, **values)


def test_the_outline_of_a_requirement_grows_at_its_end(desk):
    key = requirement(desk)
    folder = desk.insert("assignmentFolder", requirementId=key, name="x")
    inside = assignment(desk, key)
    assignment(desk, key, recordMapItem=False)
    rows = desk.rows("project_requirements_map", requirement_id=key)
    places = [(each["position"], each["folder_id"], each["assignment_id"]) for each in rows]
    assert places == [(1, folder, None), (2, None, inside)]
    of_project = desk.row("project_requirements", requirement_id=key)["project_id"]
    assert {each["project_id"] for each in rows} == {of_project}


def test_a_removed_folder_of_assignments_is_left_by_them(desk):
    key = requirement(desk)
    folder = desk.insert("assignmentFolder", requirementId=key, name="x")
    inside = assignment(desk, key, folderId=folder)
    below = desk.insert("assignmentFolder", requirementId=key, name="x", parentId=folder)
    desk.act("delete", "assignmentFolder", id=folder)
    assert desk.row("project_assignments", assignment_id=inside)["folder_id"] is None
    assert desk.row("project_assignments_folder", folder_id=below)["parent_id"] is None


def test_a_note_is_kept_with_the_assignment_that_it_describes(desk):
    key = assignment(desk, requirement(desk), additionalNote="Begun", percentComplete=10)
    desk.update("assignment", key, percentComplete=20)
    desk.update("assignment", key, additionalNote="Going on", userAssignedId=REP)
    desk.update("assignment", key, additionalNote="Not this", recordNote=False)
    first, second = desk.rows("project_assignments_status", assignment_id=key)
    assert (first["description"], first["percent_complete"]) == ("Begun", 10)
    assert (second["description"], second["percent_complete"]) == ("Going on", 20)
    assert (second["user_id"], second["user_assign_id"]) == (ADMIN, REP)


def test_discussions_are_counted(desk):
    of_project = project(desk)
    category = desk.insert("issueCategory", projectId=of_project, subject="x")
    placed = {"projectId": of_project, "categoryId": category}
    issue, _ = (desk.insert("issue", **placed, subject="x", body="x") for _ in range(2))
    for _ in range(3):
        desk.insert("issueReply", issueId=issue, subject="x", body="x")
    row = desk.row("project_issues_categories", category_id=category)
    assert (row["topics_count"], row["posts_count"], row["last_post_by"]) == (2, 3, ADMIN)
    assert is_now(row["last_post_date"])
    row = desk.row("project_issues", issue_id=issue)
    assert (row["reply_count"], row["last_reply_by"]) == (3, ADMIN)


def test_an_article_has_the_tasks_of_a_category(desk):
    category = desk.insert("taskCategory", description=desk.name())
    article = {"projectId": project(desk), "subject": "x", "message": "x"}
    key = desk.insert("projectNewsArticle", **article, taskCategoryId=category)
    assert desk.row("taskcategorylink_news", news_id=key)["category_id"] == category
    key = desk.insert("projectNewsArticle", **article)
    assert desk.rows("taskcategorylink_news", news_id=key) == []


def file(desk, account, **values):
    names = {"subject": "Plan", "filename": "1", "clientFilename": "plan.txt", "size": 9}
    return desk.insert("fileItem", linkModuleId=1, linkItemId=account, **{**names, **values})


def test_an_item_has_one_default_file(desk):
    account, other = desk.account(), desk.account()
    first, elsewhere = (file(desk, each, defaultFile=True) for each in (account, other))
    second = file(desk, account, defaultFile=True)
    file(desk, account)
    defaults = {
        each: desk.row("project_files", item_id=each)["default_file"]
        for each in (first, elsewhere, second)
    }
    assert defaults == {first: False, elsewhere: True, second: True}


def test_a_file_is_its_own_first_version(desk):
    key = file(desk, desk.account(), version=1.5)
    version = desk.row("project_files_version", item_id=key)
    assert (version["subject"], version["client_filename"]) == ("Plan", "plan.txt")
    assert (version["version"], version["size"], version["enteredby"]) == (1.5, 9, ADMIN)
    key = file(desk, desk.account(), doVersionInsert=False)
    assert desk.rows("project_files_version", item_id=key) == []


def test_a_removed_folder_is_left_by_its_files(desk):
    link = {"linkModuleId": 1, "linkItemId": desk.account()}
    folder = desk.insert("fileFolder", **link, subject="x")
    below = desk.insert("fileFolder", **link, subject="x", parentId=folder)
    inside = file(desk, link["linkItemId"], folderId=folder)
    desk.act("delete", "fileFolder", id=folder)
    assert desk.row("project_folders", folder_id=below)["parent_id"] is None
    assert desk.row("project_files", item_id=inside)["folder_id"] is None


def test_the_length_of_a_custom_field_is_a_parameter(desk):
    folder = desk.insert("customFieldCategory", moduleId=1, name=desk.name())
    group = desk.insert("customFieldGroup", categoryId=folder, name=desk.name())
    named = {"groupId": group, "name": "x", "type": 1, "maxLength": 40}
    key = desk.insert("customField", **named)
    assert desk.row("custom_field_info", field_id=key)["parameters"] == "maxlength=40"
    key = desk.insert("customField", **named, parameterData="maxlength=30")
    assert desk.row("custom_field_info", field_id=key)["parameters"] == "maxlength=30"
