"""Is docs/events.md what the service says, does the service take its own examples, and does a generated client work?"""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture
def document(service):
    return httpx.get(f"{service.url}/openapi.json").json()


@pytest.fixture
def saved(document, tmp_path):
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    return file


def kinds(document):
    return {name: schema for name, schema in document["components"]["schemas"].items() if "x-kind" in schema}


def test_the_page_of_events_is_what_the_service_says(saved):
    script = [sys.executable, str(ROOT / "scripts/events-doc.py"), "--openapi", str(saved), "--check", str(ROOT / "docs/events.md")]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_a_page_that_differs_is_found(saved, tmp_path):
    page = tmp_path / "events.md"
    page.write_text((ROOT / "docs/events.md").read_text().replace("- An event is", "- A thing is", 1))
    script = [sys.executable, str(ROOT / "scripts/events-doc.py"), "--openapi", str(saved), "--check", str(page)]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 1 and "-- A thing" in done.stdout


def test_every_example_of_a_producers_kind_is_taken(service, document):
    produced = [schema["examples"][0] for schema in kinds(document).values() if schema.get("x-writer") != "greenroom"]
    events = [{**example, "id": str(number)} for number, example in enumerate(produced)]
    answer = httpx.post(
        f"{service.url}/v1/events", content=json.dumps(events), headers={"content-type": "application/cloudevents-batch+json"}
    )
    assert answer.status_code == 200 and answer.json()["accepted"] == len(events) == 16, answer.text


def test_cloudevent_is_one_of_the_kinds_told_apart_by_type(document):
    choice = document["components"]["schemas"]["CloudEvent"]
    for kind, reference in choice["discriminator"]["mapping"].items():
        assert {"$ref": reference} in choice["oneOf"]
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
        assert schema["properties"]["type"] == {"const": kind}
    assert len(choice["oneOf"]) == len(choice["discriminator"]["mapping"]) == 16


def test_a_generated_client_imports_and_works(service, saved, tmp_path, monkeypatch):
    generator = shutil.which("openapi-python-client") or shutil.which(str(Path(sys.executable).parent / "openapi-python-client"))
    if generator is None:
        pytest.skip("openapi-python-client isn't installed: no generated client was tried")
    folder = tmp_path / "generated"
    subprocess.run([generator, "generate", "--path", str(saved), "--output-path", str(folder)], check=True, capture_output=True)
    monkeypatch.syspath_prepend(str(folder))
    package = importlib.import_module("greenroom_client")
    for module in pkgutil.walk_packages(package.__path__, "greenroom_client."):
        importlib.import_module(module.name)
    from greenroom_client import models
    from greenroom_client.api.default import append_events, get_actor_of_namespace, list_pools, place

    client = package.Client(base_url=service.url)
    data = models.ActorRequestedData(pool="team/generated")
    event = models.ActorRequested(
        specversion="1.0", type_="dev.greenroom.actor.requested", source="/generated", id="1", subject="zoe", data=data
    )
    acknowledgement = append_events.sync(client=client, body=[event, event])
    assert (acknowledgement.accepted, acknowledgement.duplicates) == (1, 1)
    assert get_actor_of_namespace.sync("team", "zoe", client=client).status == "STATUS_WAITING"
    assert place.sync(client=client, body=models.PlaceBody(actor="yan", pool="team/generated")).position == 2
    assert [pool.name for pool in list_pools.sync(client=client).items] == ["generated"]
    event.id, event.data.pool = "2", ""
    assert append_events.sync(client=client, body=[event]).field == "data.pool"
