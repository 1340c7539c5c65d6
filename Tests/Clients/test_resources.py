"""Memories as resources: listed by pages, read by address, completed, and refused where there is none."""

import json

import pytest

from lines import ENVELOPE

PAGE = 100


@pytest.fixture
def client(cortex, speak):
    return speak(cortex)


def result_of(client, method, params=None):
    client.modern(method, params)
    return client.read()["result"]


def refusal_of(client, method, params):
    client.modern(method, params)
    return client.read()["error"]


def remember(client, count):
    """Ids in the order in which they were stored."""
    ids = []
    for start in range(0, count, PAGE):
        items = [
            {"kind": "observation", "content": f"quokka number {n}"} for n in range(start, min(start + PAGE, count))
        ]
        result = result_of(client, "tools/call", {"name": "memory_store", "arguments": {"items": items}})
        ids += [item["id"] for item in result["structuredContent"]["items"]]
    return ids


def listed(client):
    """Every page of the list."""
    pages, cursor = [], {}
    while cursor is not None:
        result = result_of(client, "resources/list", cursor)
        pages.append(result["resources"])
        cursor = {"cursor": result["nextCursor"]} if "nextCursor" in result else None
    return pages


def test_the_pages_of_the_list_hold_every_memory_once(client):
    ids = remember(client, 2 * PAGE + 30)
    pages = listed(client)
    assert [len(page) for page in pages] == [PAGE, PAGE, 30]
    addresses = [resource["uri"] for page in pages for resource in page]
    assert sorted(addresses) == sorted(f"memory://{id}" for id in ids)
    assert all(resource["mimeType"] == "application/json" for resource in pages[0])


def test_what_is_read_at_an_address_is_that_memory(client):
    (id, *_) = remember(client, 3)
    (contents,) = result_of(client, "resources/read", {"uri": f"memory://{id}"})["contents"]
    assert contents["uri"] == f"memory://{id}" and contents["mimeType"] == "application/json"
    memory = json.loads(contents["text"])
    assert (memory["id"], memory["kind"], memory["content"]) == (id, "observation", "quokka number 0")


def test_the_template_completes_the_ids_that_begin_so(client):
    ids = remember(client, 20)
    (template,) = result_of(client, "resources/templates/list")["resourceTemplates"]
    assert template["uriTemplate"] == "memory://{id}"
    reference = {"type": "ref/resource", "uri": template["uriTemplate"]}
    for beginning in ("", ids[0][:2], ids[0][:2].upper(), ids[0], "no id begins so"):
        argument = {"name": "id", "value": beginning}
        completion = result_of(client, "completion/complete", {"ref": reference, "argument": argument})["completion"]
        matching = sorted(id for id in ids if id.startswith(beginning.lower()))
        assert sorted(completion["values"]) == matching
        assert completion["total"] == len(matching)


def test_a_resource_that_is_gone_is_neither_listed_nor_read(client):
    first, second = remember(client, 2)
    arguments = {"operation": "delete", "document_id": first, "dry_run": False}
    result_of(client, "tools/call", {"name": "system_status", "arguments": arguments})
    assert [resource["uri"] for (page,) in [listed(client)] for resource in page] == [f"memory://{second}"]
    assert refusal_of(client, "resources/read", {"uri": f"memory://{first}"})["code"] == -32602


@pytest.mark.parametrize("uri", ["memory://nobody", "memory://", "file:///etc/passwd", "", 3, None])
def test_an_address_that_names_no_memory_is_refused(client, uri):
    assert refusal_of(client, "resources/read", {"uri": uri})["code"] == -32602


def test_a_cursor_that_no_page_gave_is_refused(client):
    remember(client, 1)
    for cursor in ("forged", 7, "00000000-0000-0000-0000-00000000000g"):
        assert refusal_of(client, "resources/list", {"cursor": cursor})["code"] == -32602


def test_the_prompt_for_a_decision_asks_for_what_is_missing(client):
    arguments = {"component": "the gateway", "title": "two regions"}
    (message,) = result_of(client, "prompts/get", {"name": "record_decision", "arguments": arguments})["messages"]
    assert "component: the gateway" in message["content"]["text"] and "two regions" in message["content"]["text"]


def test_a_post_mortem_is_written_from_the_incident_its_words_find(client):
    items = [
        {"kind": "incident", "content": "the gateway fell over at noon"},
        {"kind": "observation", "content": "the gateway is tall"},
    ]
    result_of(client, "tools/call", {"name": "memory_store", "arguments": {"items": items}})
    (message,) = result_of(
        client, "prompts/get", {"name": "write_postmortem", "arguments": {"incident": "gateway fell"}})["messages"]
    assert "fell over at noon" in message["content"]["text"] and "is tall" not in message["content"]["text"]


def test_a_post_mortem_without_an_incident_is_refused(client):
    remember(client, 1)
    error = refusal_of(client, "prompts/get", {"name": "write_postmortem", "arguments": {"incident": "quokka"}})
    assert error["code"] == -32602 and "incident" in error["message"]


def test_a_long_store_tells_how_far_it_is(client):
    items = [{"kind": "observation", "content": f"wombat number {n} " * 40} for n in range(PAGE)]
    call = {"name": "memory_store", "arguments": {"items": items}}
    id = client.request("tools/call", {**call, "_meta": {**ENVELOPE, "progressToken": "t"}})
    seen = []
    while (message := client.read()).get("id") != id:
        assert message["method"] == "notifications/progress" and message["params"]["progressToken"] == "t"
        seen.append(message["params"]["progress"])
    assert message["result"]["isError"] is False
    assert seen and seen == sorted(set(seen))
