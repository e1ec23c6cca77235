"""Checks with the official OpenAI client: each failure arrives as the class the client has for it, with its details."""

from collections.abc import Callable
from typing import Any, TypeVar

import openai

from tests.clients.scripted import REFUSAL, RETRY_AFTER_S
from tests.clients.world import SAY, World, caught_from

E = TypeVar("E", bound=openai.APIError)


def _raised(kind: type[E], call: Callable[[], Any]) -> E:
    """The error of exactly this class that the call ends with; one with a status has a body of OpenAI's shape."""
    caught = caught_from(call)
    assert type(caught) is kind, f"{type(caught).__name__}, not {kind.__name__}: {caught!r:.300}"
    if isinstance(caught, openai.APIStatusError):
        assert caught.response.headers["content-type"].startswith("application/json")
        assert set(caught.response.json()) == {"error"}
        assert set(caught.response.json()["error"]) == {"message", "type", "param", "code"}
        assert caught.request_id
    return caught


def _asking(client: openai.OpenAI, model: str, **given: Any) -> Callable[[], Any]:
    return lambda: client.chat.completions.create(**{"model": model, "messages": SAY, **given})


def check_authentication_error(world: World) -> None:
    """401 for an unknown key, on every route."""
    client = world.client(api_key="wrong")
    for call in (_asking(client, "auto"), client.models.list):
        error = _raised(openai.AuthenticationError, call)
        assert (error.status_code, error.code, error.type) == (401, "invalid_api_key", "invalid_request_error")
    assert "wrong" not in error.message


def check_permission_denied_error(world: World) -> None:
    """403 for the operator's routes where no admin key is configured."""
    client = world.client(base_url=world.closed_url)
    error = _raised(openai.PermissionDeniedError, lambda: client.get("/admin/policies", cast_to=object))
    assert (error.status_code, error.code) == (403, "forbidden")


def check_admin_is_not_for_clients(world: World) -> None:
    """A client's key opens no operator's route."""
    client = world.client(base_url=world.url)
    _raised(openai.AuthenticationError, lambda: client.get("/admin/policies", cast_to=object))


def check_unknown_model(world: World) -> None:
    """404 model_not_found for a model that is not configured, asked or looked up; the message names those that are."""
    error = _raised(openai.NotFoundError, _asking(world.client(), "gpt-none"))
    assert (error.status_code, error.code, error.param) == (404, "model_not_found", "model")
    assert "auto" in error.message
    error = _raised(openai.NotFoundError, lambda: world.client().models.retrieve("org/none"))
    assert error.code == "model_not_found"


def check_unknown_url(world: World) -> None:
    """404 unknown_url for what the gateway does not offer."""
    error = _raised(openai.NotFoundError, lambda: world.client().moderations.create(input="x"))
    assert (error.status_code, error.code) == (404, "unknown_url")


def check_bad_request_error(world: World) -> None:
    """400 names the parameter that is wrong."""
    client = world.client()
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("messages", {"messages": []}),
        ("messages[0].role", {"messages": [{"role": "king", "content": "x"}]}),
        ("temperature", {"temperature": 3}),
        ("n", {"n": 0}),
        ("stream_options", {"extra_body": {"stream_options": 5}}),
        ("metadata.priority", {"metadata": {"priority": "urgent"}}),
        ("x-gateway-timeout-s", {"extra_headers": {"x-gateway-timeout-s": "soon"}}),
    ]
    for param, given in wrong:
        error = _raised(openai.BadRequestError, _asking(client, "auto", **given))
        assert (error.status_code, error.type, error.param) == (400, "invalid_request_error", param)


def check_refused_by_provider(world: World) -> None:
    """A provider's own 400 is passed on with its reason and parameter, and tried at no other provider."""
    error = _raised(openai.BadRequestError, _asking(world.client(), "refusing"))
    assert error.param == "messages[0].content"
    assert REFUSAL in error.message
    assert error.response.headers["x-gateway-attempts"] == "1"


def check_unprocessable_entity_error(world: World) -> None:
    """A provider's 422 stays a 422."""
    error = _raised(openai.UnprocessableEntityError, _asking(world.client(), "unprocessable"))
    assert error.status_code == 422


def check_too_large(world: World) -> None:
    """413 for a body over the limit of the configuration."""
    message = [{"role": "user", "content": "x" * 300_000}]
    error = _raised(openai.APIStatusError, _asking(world.client(), "auto", messages=message))
    assert (error.status_code, error.code) == (413, "request_too_large")


def check_conflict_error(world: World) -> None:
    """409 for a second rating that says otherwise; the first stands."""
    client = world.client()
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=SAY)
    id = raw.headers["x-gateway-decision-id"]
    client.post("/feedback", body={"id": id, "score": 0.9}, cast_to=object)
    error = _raised(
        openai.ConflictError, lambda: client.post("/feedback", body={"id": id, "score": 0.1}, cast_to=object)
    )
    assert error.status_code == 409
    assert world.decision(id)["feedback"]["score"] == 0.9


def check_feedback_for_nothing(world: World) -> None:
    """404 for a rating of an answer that never was, 400 for one that says nothing."""
    post = world.client().post
    error = _raised(
        openai.NotFoundError, lambda: post("/feedback", body={"id": "dec_none", "success": True}, cast_to=object)
    )
    assert (error.code, error.param) == ("decision_not_found", "id")
    bad = _raised(openai.BadRequestError, lambda: post("/feedback", body={"id": "x", "score": 7}, cast_to=object))
    assert bad.param == "score"


def check_rate_limit_error(world: World) -> None:
    """429 with Retry-After once every model of the policy is limited; the headers tell of both attempts."""
    error = _raised(openai.RateLimitError, _asking(world.client(), "auto:limited"))
    assert (error.status_code, error.code, error.type) == (429, "rate_limit_exceeded", "rate_limit_error")
    headers = error.response.headers
    assert headers["retry-after"] == str(RETRY_AFTER_S)
    assert (headers["x-gateway-policy"], headers["x-gateway-attempts"]) == ("limited", "2")
    assert headers["x-gateway-decision-id"].startswith("dec_")


def check_busy_provider(world: World) -> None:
    """A provider's 503 with Retry-After asks to wait, and so does the gateway."""
    error = _raised(openai.RateLimitError, _asking(world.client(), "busy"))
    assert error.response.headers["retry-after"] == str(RETRY_AFTER_S)


def check_server_errors(world: World) -> None:
    """Each failure of a provider that is not the client's arrives as a server error of its own status and code."""
    expected = {
        "broken": (502, "upstream_error"),
        "down": (502, "upstream_error"),
        "unreachable": (502, "upstream_unreachable"),
        "locked": (502, "upstream_auth"),  # the gateway's key is wrong, not the client's: never a 401
        "missing": (502, "upstream_not_found"),
        "garbled": (502, "upstream_invalid_response"),
    }
    for model, (status, code) in expected.items():
        error = _raised(openai.InternalServerError, _asking(world.client(), model))
        assert (error.status_code, error.code) == (status, code), model
        assert error.response.headers["x-gateway-model"] == model


def check_gateway_timeout(world: World) -> None:
    """504 when the deadline that the client gave has passed, long before its own patience has."""
    soon = {"x-gateway-timeout-s": "0.3"}
    error = _raised(openai.InternalServerError, _asking(world.client(), "mute", extra_headers=soon))
    assert (error.status_code, error.code) == (504, "upstream_timeout")


def check_client_timeout(world: World) -> None:
    """A client that loses patience has its own error, and the provider is let go within a second."""
    for streamed in (False, True):
        _raised(openai.APITimeoutError, _asking(world.client(timeout=0.3), "mute", stream=streamed))
        assert world.let_go()


def check_stream_refused(world: World) -> None:
    """A failure before the first byte of a stream has its status, not a 200 with an error inside."""
    error = _raised(openai.RateLimitError, _asking(world.client(), "auto:limited", stream=True))
    assert error.response.headers["retry-after"] == str(RETRY_AFTER_S)
    _raised(openai.InternalServerError, _asking(world.client(), "broken", stream=True))


def check_stream_cut(world: World) -> None:
    """A stream that breaks midway raises after the pieces that came: a cut never passes for an end."""
    texts: list[str] = []

    def read() -> None:
        stream = world.client().chat.completions.create(model="cut", messages=SAY, stream=True)
        texts.extend(chunk.choices[0].delta.content or "" for chunk in stream)

    error = _raised(openai.APIError, read)
    assert error.code == "upstream_stream_cut"
    assert any(texts)


def check_retries_do_not_multiply(world: World) -> None:
    """Where the gateway has tried the other model itself, the client's own retries add no second round."""
    patient = world.client(max_retries=None)
    assert patient.max_retries == openai.DEFAULT_MAX_RETRIES > 0
    before = [len(world.received(model)) for model in ("failing", "failing-too")]
    error = _raised(openai.InternalServerError, _asking(patient, "auto:failing"))
    assert error.response.headers["x-gateway-attempts"] == "2"
    after = [len(world.received(model)) for model in ("failing", "failing-too")]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1]
