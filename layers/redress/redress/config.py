"""All environment variables that Redress reads, in one place."""

import os
from collections.abc import Mapping

import msgspec


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a function is told by its environment.

    Attributes:
        orders_table, payments_table, inventory_table, cases_table: DynamoDB table names;
            empty where the function has no right to them.
        tasks_table: DynamoDB table of A2A tasks, and of token ids that were used.
        clients_table: DynamoDB table of WebSocket tickets and connections.
        connections_url: where API Gateway takes messages to WebSocket clients.
        agents_url: where the domains' agents are, without a path.
        card_key: KMS key that agent cards are signed with, and nothing else.
        run_task_arn: the machine that does the work of an A2A task.
        bus_name: the EventBridge bus that Redress publishes to.
        model: `bedrock:<model id>`, `openai:<model>@<base url>`, `recorded:<folder>`, `playbook`.
        openai_api_key: key of the server behind `openai:`; empty for a server that asks for none.
        default_pattern: how a case is investigated that does not say.
        policies_dir: folder of the policy's prose and Cedar files.
        knowledge_base_id: the Bedrock knowledge base that ranks passages; empty for BM25.
        data_source_id: the knowledge base's data source for documents that are put directly.
        metrics_namespace: CloudWatch namespace of the agents' usage; empty writes none.
        token_issuer: `iss` of the tokens that workloads use among themselves, an address.
        token_key: KMS key that signs them; whoever checks them reads its public half.
        token_url: where workloads exchange a grant for a token.
        workload_roles: which role is which workload, `workload=role ARN`, separated by commas.
        wasi_cache_dir: folder of the compiled CPython-WASI module; empty for the user's cache.
    """

    orders_table: str = ""
    payments_table: str = ""
    inventory_table: str = ""
    cases_table: str = ""
    tasks_table: str = ""
    clients_table: str = ""
    connections_url: str = ""
    agents_url: str = ""
    card_key: str = ""
    run_task_arn: str = ""
    bus_name: str = ""
    model: str = "playbook"
    openai_api_key: str = ""
    default_pattern: str = "evidence-first"
    policies_dir: str = ""
    knowledge_base_id: str = ""
    data_source_id: str = ""
    metrics_namespace: str = ""
    token_issuer: str = ""
    token_key: str = ""
    token_url: str = ""
    workload_roles: str = ""
    wasi_cache_dir: str = ""


def read_config(environ: Mapping[str, str] | None = None) -> Config:
    """Read `REDRESS_<FIELD>` variables; what is absent keeps its default."""
    source = os.environ if environ is None else environ
    names = {field: f"REDRESS_{field.upper()}" for field in Config.__struct_fields__}
    return Config(**{field: source[name] for field, name in names.items() if name in source})
