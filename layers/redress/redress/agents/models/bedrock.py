"""Amazon Bedrock, with limits fit for a Lambda that Step Functions retries."""

from botocore.config import Config
from strands.models.bedrock import BedrockModel

OUTPUT_TOKENS = 4_096


def bedrock_model(model_id: str) -> BedrockModel:
    """Return the model; region, credentials and endpoint come from the AWS environment.

    The SDK's own retries are off: the agent retries once, then Step Functions does.
    """
    return BedrockModel(
        model_id=model_id,
        max_tokens=OUTPUT_TOKENS,
        boto_client_config=Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"total_max_attempts": 1, "mode": "standard"},
        ),
    )
