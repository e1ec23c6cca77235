"""Real neighbours the gateway is tested against, each started and ended by the test that needs it."""
