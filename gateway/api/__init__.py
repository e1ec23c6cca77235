"""The driving outside: HTTP routes in OpenAI's shape."""
