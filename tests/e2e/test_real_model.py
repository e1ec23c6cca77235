"""Real language models behind the gateway: it learns from checked answers which of them pays under which preset."""
