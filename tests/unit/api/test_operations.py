"""Health, readiness and metrics."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.serving import serving


async def test_alive_and_ready(tmp_path: Path) -> None:
    """Both say so as JSON; readiness tells the store's state."""
    async with serving(tmp_path) as client:
        assert (await client.send("GET", "/healthz"))[:2] == (200, {"status": "ok"})
        status, answer, _ = await client.send("GET", "/readyz")
        assert status == 200
        assert (answer["status"], answer["store"], answer["upstream"]) == ("ok", "ok", "ok")


async def test_a_store_that_does_not_open_degrades(tmp_path: Path) -> None:
    """Serving goes on without it; readiness says so, feedback is refused with 503 rather than promised."""
    (tmp_path / "file").write_text("not a folder")
    async with serving(tmp_path, store=f"sqlite:///{tmp_path}/file/gateway.db") as client:
        status, _, headers = await client.chat()
        assert status == 200
        assert (await client.send("GET", "/readyz"))[1]["store"] == "degraded"
        rating = {"id": headers["x-gateway-decision-id"], "score": 1}
        status, answer, headers = await client.send("POST", "/v1/feedback", rating)
        assert (status, answer["error"]["code"]) == (503, "store_unavailable")
        assert "Retry-After" in headers


async def test_metrics_count_what_happened(tmp_path: Path) -> None:
    """Valid Prometheus text whose counts are those of the requests sent."""
    async with serving(tmp_path) as client:
        for _ in range(3):
            await client.chat()
        await client.chat(model="small")
        _, text, headers = await client.send("GET", "/metrics")
        assert headers["Content-Type"].startswith("text/plain")
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        decided = [s for s in samples if s.name == "gateway_decisions_total"]
        assert sum(s.value for s in decided) == 4.0
        assert sum(s.value for s in decided if s.labels["mode"] == "pinned") == 1.0
        assert sum(s.value for s in samples if s.name == "gateway_requests_total") == 4.0
        assert sum(s.value for s in samples if s.name == "gateway_overhead_seconds_count") == 4.0
