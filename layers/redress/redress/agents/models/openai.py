"""Any server that speaks OpenAI's chat completions: Ollama, vLLM, llama.cpp and others."""

from strands.models.openai import OpenAIModel

OUTPUT_TOKENS = 4_096


def openai_model(name: str, base_url: str, api_key: str) -> OpenAIModel:
    """Return the model `name` of the server at `base_url`.

    The client's own retries are off: the agent retries once, then Step Functions does.
    """
    return OpenAIModel(
        model_id=name,
        params={"max_tokens": OUTPUT_TOKENS},
        client_args={
            "base_url": base_url,
            "api_key": api_key or "none",
            "max_retries": 0,
            "timeout": 60.0,
        },
    )
