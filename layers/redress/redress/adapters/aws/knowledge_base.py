"""Retrieval from an Amazon Bedrock knowledge base: it ranks, and words come from here.

A knowledge base holds copies that others may write to. So its answer is taken as an order of ids:
a passage of the policy has the text that is deployed beside Cedar's rules, and a past resolution
is said again from its codes.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from redress.adapters.aws.clients import AWS_ERRORS, client, translated
from redress.adapters.resolutions import as_passage
from redress.errors import InvalidInputError
from redress.models.base import dump_json, parse_json
from redress.models.investigation import Passage
from redress.models.resolution import PastResolution

KIND = "redress_kind"
CODES = "redress_codes"
"""Attributes of a document: `policy` or `resolution`, and the codes of a past resolution."""

MAX_QUERY_CHARACTERS = 1_000
"""Of a statement, as far as it is searched for."""

MAX_DOCUMENTS = 10
"""Documents of one ingestion."""

_MAX_RESULTS = 100


class Hit(NamedTuple):
    """A document that was found."""

    document_id: str
    codes: Any
    score: float


class KnowledgeBase:
    """One knowledge base and its custom data source.

    Args:
        knowledge_base_id: Ten letters and digits.
        data_source_id: Its data source of type CUSTOM; only needed to ingest.
        runtime: A low-level client of bedrock-agent-runtime, by default this process's own.
        agent: A low-level client of bedrock-agent, by default this process's own.
    """

    def __init__(
        self,
        knowledge_base_id: str,
        data_source_id: str = "",
        runtime: Any = None,
        agent: Any = None,
    ) -> None:
        self._id = knowledge_base_id
        self._data_source = data_source_id
        self._runtime = runtime
        self._agent = agent

    def retrieve(self, kind: str, text: str, limit: int) -> list[Hit]:
        """Return the best documents of a kind, best first, each once.

        Raises:
            DependencyUnavailableError: the knowledge base did not answer.
            InvalidInputError: it refuses the query.
        """
        query = text.strip()[:MAX_QUERY_CHARACTERS]
        if not query or limit <= 0:
            return []
        runtime = self._runtime or client("bedrock-agent-runtime")
        search = {
            # A long document may be found by several of its chunks.
            "numberOfResults": min(3 * limit, _MAX_RESULTS),
            "filter": {"equals": {"key": KIND, "value": kind}},
        }
        try:
            answer = runtime.retrieve(
                knowledgeBaseId=self._id,
                retrievalQuery={"text": query},
                retrievalConfiguration={"vectorSearchConfiguration": search},
            )
        except AWS_ERRORS as error:
            raise translated(error, f"knowledge base {self._id}") from error
        hits: dict[str, Hit] = {}
        for hit in _hits(answer["retrievalResults"]):
            hits.setdefault(hit.document_id, hit)
        return list(hits.values())

    def ingest(self, kind: str, documents: Iterable[tuple[Passage, str]]) -> None:
        """Put passages, each with its codes; one of the same id is replaced.

        Raises:
            DependencyUnavailableError: the knowledge base did not take them.
            InvalidInputError: it refuses them.
        """
        agent = self._agent or client("bedrock-agent")
        prepared = [_document(kind, passage, codes) for passage, codes in documents]
        for start in range(0, len(prepared), MAX_DOCUMENTS):
            try:
                answer = agent.ingest_knowledge_base_documents(
                    knowledgeBaseId=self._id,
                    dataSourceId=self._data_source,
                    documents=prepared[start : start + MAX_DOCUMENTS],
                )
            except AWS_ERRORS as error:
                raise translated(error, f"knowledge base {self._id}") from error
            _check(answer["documentDetails"])


class KnowledgeBasePolicy:
    """A `PassageIndex` over the deployed policy, ranked by a knowledge base."""

    KIND = "policy"

    def __init__(self, base: KnowledgeBase, passages: Sequence[Passage]) -> None:
        """Use a knowledge base; `passages` are the policy's own."""
        self._base = base
        self._passages = {passage.passage_id: passage for passage in passages}

    def search(self, text: str, limit: int) -> list[Passage]:
        """Return the `limit` best passages for `text`, best first, with their scores.

        Raises:
            DependencyUnavailableError: the knowledge base did not answer.
        """
        hits = self._base.retrieve(self.KIND, text, limit)
        found = [hit for hit in hits if hit.document_id in self._passages]
        return [
            msgspec.structs.replace(self._passages[hit.document_id], score=hit.score)
            for hit in found[:limit]
        ]

    def ingest(self) -> None:
        """Ingest the policy: to be done once, and whenever its sections change.

        Raises:
            DependencyUnavailableError: the knowledge base did not take it.
        """
        self._base.ingest(self.KIND, ((passage, "") for passage in self._passages.values()))


class KnowledgeBaseResolutions:
    """A `ResolutionLibrary` in a knowledge base."""

    KIND = "resolution"

    def __init__(self, base: KnowledgeBase) -> None:
        """Use a knowledge base."""
        self._base = base

    def search(self, text: str, limit: int) -> list[Passage]:
        """Return the `limit` best past resolutions for `text`, best first, with their scores.

        Raises:
            DependencyUnavailableError: the knowledge base did not answer.
        """
        hits = self._base.retrieve(self.KIND, text, limit)
        return list(_resolutions(hits))[: max(0, limit)]

    def keep(self, resolution: PastResolution) -> None:
        """Ingest a resolution; again it changes nothing.

        Raises:
            DependencyUnavailableError: the knowledge base did not take it.
        """
        codes = dump_json(resolution).decode()
        self._base.ingest(self.KIND, [(as_passage(resolution), codes)])


def _hits(results: list[dict[str, Any]]) -> Iterator[Hit]:
    for result in results:
        place = result.get("location", {}).get("customDocumentLocation", {})
        # What came in by another data source is none of ours.
        if "id" in place:
            codes = result.get("metadata", {}).get(CODES)
            yield Hit(place["id"], codes, round(float(result.get("score", 0.0)), 4))


def _resolutions(hits: Iterable[Hit]) -> Iterator[Passage]:
    for hit in hits:
        if not isinstance(hit.codes, str):
            continue
        try:
            passage = as_passage(parse_json(PastResolution, hit.codes))
        except InvalidInputError:
            # Somebody else's document: there is nothing that could be said of it.
            continue
        if passage.passage_id == hit.document_id:
            yield msgspec.structs.replace(passage, score=hit.score)


def _document(kind: str, passage: Passage, codes: str) -> dict[str, Any]:
    attributes = {KIND: kind} | ({CODES: codes} if codes else {})
    return {
        "content": {
            "dataSourceType": "CUSTOM",
            "custom": {
                "customDocumentIdentifier": {"id": passage.passage_id},
                "sourceType": "IN_LINE",
                "inlineContent": {
                    "type": "TEXT",
                    "textContent": {"data": f"{passage.title}\n\n{passage.text}"},
                },
            },
        },
        "metadata": {
            "type": "IN_LINE_ATTRIBUTE",
            "inlineAttributes": [
                {"key": key, "value": {"type": "STRING", "stringValue": value}}
                for key, value in attributes.items()
            ],
        },
    }


def _check(details: list[dict[str, Any]]) -> None:
    """Refuse an answer that took a document and says at once that it failed."""
    for detail in details:
        if detail["status"] in ("FAILED", "IGNORED"):
            raise InvalidInputError(
                f"document {detail['identifier'].get('custom', {}).get('id')}: "
                f"{detail['status'].lower()}: {detail.get('statusReason', 'no reason given')}"
            )
