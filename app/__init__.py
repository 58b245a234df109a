"""The service: OpenAI's audio API, durable jobs, and the page."""
