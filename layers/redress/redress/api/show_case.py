"""ShowCase: a customer reads one of their cases."""

from typing import Any

from redress.api.case_view import CaseView, view_case
from redress.api.requests import answers, customer_of, read_request
from redress.models.base import Identifier, parse
from redress.ports import Repository


@answers
def show_case(event: Any, cases: Repository) -> CaseView:
    """Answer GET /cases/{case_id}.

    Raises:
        NotSignedInError: no customer calls.
        UnknownCaseError: the customer has no such case.
        InvalidInputError: the id cannot be one.
        DependencyUnavailableError: the store did not answer.
    """
    request = read_request(event)
    customer = customer_of(request)
    case_id: str = parse(Identifier, request.path_parameters.get("case_id"))
    return view_case(cases, case_id, customer)
