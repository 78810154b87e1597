"""The gateway to language models: OpenAI's API in front, providers behind breakers."""
