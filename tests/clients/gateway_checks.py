"""Checks with the official OpenAI client: models, headers, hints, sessions, unknown fields, leaving and feedback."""

import asyncio
from collections.abc import Mapping

from tests.clients.scripted import RATED_ID, TEXT
from tests.clients.world import SAY, World

MODELS = {"auto", "auto:default", "auto:limited", "auto:failing", "auto:half", "plain", "org/other", "held"}
"""Some of those that are listed."""


def check_models(world: World) -> None:
    """The configured models and the automatic ones are listed in OpenAI's shape."""
    listed = list(world.client().models.list())
    assert {model.id for model in listed} >= MODELS
    assert len({model.id for model in listed}) == len(listed)
    assert {(model.object, model.owned_by) for model in listed} == {("model", "gateway")}
    assert all(model.created > 0 for model in listed)


def check_model(world: World) -> None:
    """Each of them is found by its id, which may hold slashes and colons."""
    for id in ("plain", "org/other", "auto", "auto:half"):
        assert world.client().models.retrieve(id).id == id


def check_without_prefix(world: World) -> None:
    """A base URL without /v1 works as well: many people leave it out."""
    client = world.client(base_url=world.url)
    assert client.chat.completions.create(model="plain", messages=SAY).choices[0].message.content == TEXT
    assert client.models.retrieve("org/other").id == "org/other"


def _assert_named(headers: Mapping[str, str], policy: str, model: str, mode: str) -> None:
    assert headers["x-gateway-decision-id"].startswith("dec_")
    assert headers["x-gateway-policy"] == policy
    assert headers["x-gateway-model"] == model
    assert headers["x-gateway-mode"] == mode
    assert headers["x-gateway-attempts"] == "1"
    assert 0 <= float(headers["x-gateway-overhead-ms"]) < 1000


def check_headers(world: World) -> None:
    """Every answer says what was decided, and the client finds the request's id where it looks for it."""
    raw = world.client().chat.completions.with_raw_response.create(model="auto:half", messages=SAY, user="u-1")
    answer = raw.parse()
    assert raw.headers["x-gateway-mode"] in {"live", "baseline"}
    _assert_named(raw.headers, "half", answer.model, raw.headers["x-gateway-mode"])
    assert answer._request_id
    assert answer._request_id == raw.request_id == raw.headers["x-request-id"]
    raw = world.client().chat.completions.with_raw_response.create(model="plain", messages=SAY)
    assert raw.parse().model == "plain"
    _assert_named(raw.headers, "default", "plain", "pinned")


def check_stream_headers(world: World) -> None:
    """A stream has the same headers, before its first byte, and those that keep a proxy from holding it back."""
    create = world.client().chat.completions.with_streaming_response.create
    with create(model="held-headers", messages=SAY, stream=True) as raw:  # the provider keeps back all but the role
        _assert_named(raw.headers, "single", "held-headers", "pinned")
        assert raw.headers["x-request-id"]
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert raw.headers["cache-control"] == "no-cache"
        assert raw.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in raw.headers


def check_own_request_id(world: World) -> None:
    """A client's own request id is kept, so that its logs and the gateway's can be joined."""
    mine = {"X-Request-ID": "trace-42"}
    answer = world.client().chat.completions.create(model="plain", messages=SAY, extra_headers=mine)
    assert answer._request_id == "trace-42"


def check_hints(world: World) -> None:
    """Hints in `metadata` reach the decision, a header overrules them, and neither goes to the provider."""
    create = world.client().chat.completions.with_raw_response.create
    metadata = {"task_type": "summarization", "priority": "9", "customer_tier": "gold"}
    raw = create(model="plain", messages=SAY, metadata=metadata)
    assert world.decision(raw.headers["x-gateway-decision-id"])["task_type"] == "summarization"
    raw = create(model="plain", messages=SAY, metadata=metadata, extra_headers={"x-gateway-task-type": "extraction"})
    assert world.decision(raw.headers["x-gateway-decision-id"])["task_type"] == "extraction"
    received = world.received("plain")[-1]
    assert "metadata" not in received["body"]
    assert not any(name.startswith("x-gateway-") for name in received["headers"])


def check_sessions(world: World) -> None:
    """With half of the traffic admitted, a session stays on one model, and sessions differ."""
    create = world.client().chat.completions.create
    served = {}
    for session in (f"session-{i}" for i in range(16)):
        header = {"x-gateway-session-id": session}
        answers = [create(model="auto:half", messages=SAY, extra_headers=header) for _ in range(3)]
        served[session] = {answer.model for answer in answers}
    assert all(len(models) == 1 for models in served.values())
    assert set.union(*served.values()) == {"plain", "org/other"}


def check_sessions_by_cache_key(world: World) -> None:
    """The field `prompt_cache_key` names the session where no header does."""
    create = world.client().chat.completions.create
    for session in (f"session-{i}" for i in range(8)):
        header = {"x-gateway-session-id": session}
        by_header = create(model="auto:half", messages=SAY, extra_headers=header)
        assert create(model="auto:half", messages=SAY, prompt_cache_key=session).model == by_header.model


def check_unknown_fields(world: World) -> None:
    """Fields that the gateway does not know are passed on, those of `extra_body` and OpenAI's newest alike."""
    world.client().chat.completions.create(
        model="plain",
        messages=SAY,
        seed=7,
        safety_identifier="s-1",
        extra_body={"top_k": 40, "vendor_option": {"deep": [1]}},
    )
    body = world.received("plain")[-1]["body"]
    assert (body["top_k"], body["vendor_option"]) == (40, {"deep": [1]})
    assert (body["seed"], body["safety_identifier"]) == (7, "s-1")


def check_keys_stay_here(world: World) -> None:
    """The provider gets its own key and never the client's."""
    world.client().chat.completions.create(model="plain", messages=SAY)
    headers = world.received("plain")[-1]["headers"]
    assert headers["authorization"] == "Bearer provider-key"
    assert world.key not in str(headers)


async def check_leaving_early(world: World) -> None:
    """A client that closes a stream half-way ends the provider's work within a second, and nobody is blamed for it."""
    assert world.let_go()
    async with world.async_client() as client:
        raw = await client.chat.completions.with_raw_response.create(model="held", messages=SAY, stream=True)
        stream = raw.parse()
        texts = [(await anext(stream)).choices[0].delta.content for _ in range(3)]
        assert texts[1:]
        assert await asyncio.to_thread(world.busy) == 1
        await stream.close()
        assert await asyncio.to_thread(world.let_go), "the provider still works a second after the client has left"
    record = await asyncio.to_thread(world.decision, raw.headers["x-gateway-decision-id"])
    assert record["outcome"]["status"] == "aborted"
    assert record["reward"] is None


def check_feedback(world: World) -> None:
    """An answer is rated by plain HTTP with the completion's own id; the reward that follows comes back."""
    answer = world.client().chat.completions.create(model="to-be-rated", messages=SAY)
    assert answer.id == RATED_ID
    status, rated = world.post("/v1/feedback", {"id": answer.id, "success": True})
    assert status == 202
    assert rated["id"].startswith("dec_")
    assert 0 < rated["reward"] <= 1
    assert rated["parts"]["quality"] == 1.0
    status, revised = world.post("/v1/feedback", {"id": rated["id"], "success": False, "revise": True})
    assert status == 202
    assert revised["parts"]["quality"] == 0.0
    assert revised["reward"] < rated["reward"]


def check_feedback_by_client(world: World) -> None:
    """The client itself can rate, by its low-level `post`, with the decision's id from the headers."""
    client = world.client()
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=SAY)
    body = {"id": raw.headers["x-gateway-decision-id"], "thumb": "up"}
    assert client.post("/feedback", body=body, cast_to=dict)["id"] == body["id"]
