"""The model list in OpenAI's shape."""

from __future__ import annotations

from pathlib import Path

from tests.serving import serving


async def test_configured_and_automatic_models_are_listed(tmp_path: Path) -> None:
    """`auto`, `auto:<policy>` and every configured id, each with the four fields clients read."""
    async with serving(tmp_path) as client:
        status, answer, _ = await client.send("GET", "/v1/models")
        assert (status, answer["object"]) == (200, "list")
        assert [card["id"] for card in answer["data"]] == ["auto", "auto:default", "small", "org/large"]
        assert all(set(card) == {"id", "object", "created", "owned_by"} for card in answer["data"])


async def test_one_model_is_found_with_slashes_in_its_id(tmp_path: Path) -> None:
    """Every listed id can be asked for."""
    async with serving(tmp_path) as client:
        for id in ("auto", "auto:default", "small", "org/large"):
            status, answer, _ = await client.send("GET", f"/v1/models/{id}")
            assert (status, answer["id"]) == (200, id)
