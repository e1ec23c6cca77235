"""What every check works with: clients towards the gateway, and a look at what the provider received."""

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
from openai.types.chat import ChatCompletionMessageParam

SAY: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say something."}]
TIMEOUT_S = 15.0


@dataclass(frozen=True, kw_only=True)
class World:
    """One running gateway, a second one without an admin key, and the desk of the provider behind them."""

    url: str
    closed_url: str
    desk_url: str
    key: str
    admin_key: str

    def client(self, **given: Any) -> openai.OpenAI:
        """The official client as its documentation has it, without second tries unless they are asked for."""
        return openai.OpenAI(**self._arguments(given))

    def async_client(self, **given: Any) -> openai.AsyncOpenAI:
        """The asynchronous one."""
        return openai.AsyncOpenAI(**self._arguments(given))

    def _arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        plain = {"base_url": f"{self.url}/v1", "api_key": self.key, "timeout": TIMEOUT_S, "max_retries": 0}
        return {name: value for name, value in (plain | given).items() if value is not None}

    def received(self, model: str) -> list[dict[str, Any]]:
        """Headers and body of every request for a model that reached the provider."""
        found: list[dict[str, Any]] = self._get(f"{self.desk_url}/received/{model}")
        return found

    def busy(self) -> int:
        """Requests that the provider is answering right now."""
        return int(self._get(f"{self.desk_url}/busy"))

    def let_go(self, within_s: float = 1.0) -> bool:
        """Whether the provider has nothing to do any more, now or within this time."""
        ends = time.monotonic() + within_s
        while self.busy():
            if time.monotonic() > ends:
                return False
            time.sleep(0.01)
        return True

    def decision(self, id: str) -> dict[str, Any]:
        """What the gateway has written down about a decision."""
        found: dict[str, Any] = self._get(f"{self.url}/admin/decisions/{id}", key=self.admin_key)
        return found

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Plain HTTP, without any client: status and JSON."""
        return self._send(f"{self.url}{path}", self.key, json.dumps(body).encode())

    def _get(self, url: str, key: str | None = None) -> Any:
        return self._send(url, self.key if key is None else key, None)[1]

    def _send(self, url: str, key: str, body: bytes | None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data=body, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return response.status, json.loads(response.read())


def caught_from(call: Callable[[], Any]) -> openai.OpenAIError:
    """The client's error that the call ends with."""
    try:
        said = call()
    except openai.OpenAIError as error:
        return error
    raise AssertionError(f"no error, but {said!r:.300}")
