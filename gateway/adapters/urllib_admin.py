"""A client of a running gateway's `/admin`, for the command line."""

from __future__ import annotations

import json
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from gateway.errors import GatewayError

Answer = dict[str, object]


class AdminClient:
    """Talks to the gateway at `url` (http://host:port) with the admin key, if there is one."""

    def __init__(self, url: str, key: str | None, *, timeout_s: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s
        # A proxy from the environment has no business between an operator and the gateway beside him.
        self._opener = build_opener(ProxyHandler({}))

    def get(self, path: str) -> Answer:
        """GET; GatewayError with the gateway's own message, or why it could not be reached."""
        return self._send("GET", path, None)

    def put(self, path: str, body: Answer) -> Answer:
        """PUT a JSON object."""
        return self._send("PUT", path, body)

    def post(self, path: str, body: Answer) -> Answer:
        """POST a JSON object."""
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Answer | None) -> Answer:
        headers = {"Content-Type": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data=data, headers=headers, method=method)  # noqa: S310 # http(s) from --url
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                return cast("Answer", json.load(response))
        except HTTPError as error:
            raise GatewayError(_message(error)) from error
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise GatewayError(
                f"no gateway answers at {self._url}: {reason}. Is it running? (gateway serve)"
            ) from error


def _message(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
