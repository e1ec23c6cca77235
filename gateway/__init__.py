"""LLM Auto-Optimizer Gateway: an OpenAI-compatible reverse proxy that learns which model to use."""

__version__ = "0.1.0"
