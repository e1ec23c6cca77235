"""A client of a running gateway's `/admin`, for the command line."""

from __future__ import annotations

import json
import re
from http.client import HTTPException
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
)

from gateway.errors import GatewayError

Answer = dict[str, object]
_KEY = re.compile(r"[!-~]+")


class AdminClient:
    """Talks to the gateway at `url` with the admin key, if there is one. GatewayError, for a person, on every failure.

    The error's `status` is the gateway's own answer, 503 where nothing answers, and 502 where something else does.
    """

    def __init__(self, url: str, key: str | None, *, timeout_s: float = 10.0) -> None:
        self._url = (url if "://" in url else f"http://{url}").rstrip("/")
        if not re.match(r"https?://[^/\s]+", self._url):
            raise _error(f"{url!r} is no address of a gateway; write it like http://127.0.0.1:8080", 400)
        if key is not None and not _KEY.fullmatch(key):
            raise _error("the admin key must be visible ASCII characters, without blanks or line breaks", 400)
        self._key = key
        self._timeout_s = timeout_s
        # Without the handlers for proxies and redirects: the admin key goes where the operator sends it, nowhere else.
        self._opener = OpenerDirector()
        for handler in (HTTPHandler(), HTTPSHandler(), HTTPErrorProcessor(), HTTPDefaultErrorHandler()):
            self._opener.add_handler(handler)

    def policies(self) -> Answer:
        """Every policy as /admin tells it."""
        return self._send("GET", "/admin/policies")

    def policy(self, name: str) -> Answer:
        """One policy."""
        return self._send("GET", f"/admin/policies/{quote(name, safe='')}")

    def rollout(self, name: str, body: Answer) -> Answer:
        """Set stage and percentage of a policy; returns the policy as it is then."""
        return self._send("PUT", f"/admin/policies/{quote(name, safe='')}/rollout", body)

    def kill(self, name: str) -> Answer:
        """Throw a policy's kill switch; returns the policy as it is then."""
        return self._send("POST", f"/admin/policies/{quote(name, safe='')}/kill", {})

    def readiness(self) -> Answer:
        """What /readyz says, whether it is ready or not."""
        return self._send("GET", "/readyz", good=(200, 503))

    def _send(self, method: str, path: str, body: Answer | None = None, good: tuple[int, ...] = (200,)) -> Answer:
        headers = {"Content-Type": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        request = Request(self._url + path, data=data, headers=headers, method=method)  # noqa: S310 # http(s) only
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                return self._object(response.read())
        except HTTPError as error:
            with error:
                text = error.read()
            if error.code in good:
                return self._object(text)
            raise self._refusal(error, text) from error
        except (URLError, OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
            raise _error(
                f"no gateway answers at {self._url}: {why}. Start it with `gateway serve`, or say where it "
                "listens with --url or --config.",
                503,
            ) from error

    def _object(self, text: bytes) -> Answer:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise _error(f"what answers at {self._url} is no gateway; is --url right?", 502)
        return cast("Answer", found)

    def _refusal(self, error: HTTPError, text: bytes) -> GatewayError:
        try:
            told = json.loads(text)["error"]
            message, code = str(told["message"]), str(told["code"])
        except (ValueError, KeyError, TypeError):
            what = f"{error.code} {error.reason}"
            return _error(f"what answers at {self._url} is no gateway ({what}); is --url right?", 502)
        if error.code == 401:
            message += " Give it as GATEWAY_ADMIN_KEY, --admin-key, or admin_key in --config."
        return _error(message, error.code, code)


def _error(message: str, status: int, code: str | None = None) -> GatewayError:
    """An error as the gateway would have said it; the code of what we say ourselves follows from the status."""
    error = GatewayError(message, code=code or {502: "not_a_gateway", 503: "unreachable"}.get(status, "usage"))
    error.status = status
    return error
