"""A customer's way through the template's own API: token, case, ticket, WebSocket, news."""

import base64
import json
import socket as sockets
import time
from datetime import UTC, datetime, timedelta

import pytest
from customer import SECONDS, Api, messages, until
from redress.adapters.aws.repository import DynamoDbRepository
from redress.api.clients import Ticket, keep_ticket
from websockets.exceptions import ConnectionClosed, InvalidStatus

PAGE = "http://localhost:4566"


@pytest.fixture(scope="module")
def story(cloud, refunds):
    """One case from the first request to its end, as its customer saw it."""
    api = Api(cloud)
    case = next(refunds)
    token = api.token(case.customer_id)
    with api.listen(api.ticket(token)) as socket:
        first = api.open_case(token, case, Idempotency_Key="once")
        again = api.open_case(token, case, Idempotency_Key="once")
        heard = messages(socket, "CaseResolved")
        socket.send(json.dumps({"action": "watch", "case_id": first.body["case_id"]}))
        status = messages(socket, "CaseStatus")[-1]
    return case, token, first, again, heard, status


def clients_of(cloud):
    return DynamoDbRepository(cloud.table("clients"), cloud.client("dynamodb"))


def function(cloud, part):
    return next(spec.name for spec in cloud.functions.functions() if part in spec.name)


class TestStory:
    def test_a_request_sent_twice_opens_one_case(self, cloud, story):
        case, _, first, again, *_ = story
        assert (first.status, again.status) == (202, 202)
        assert first.body == again.body
        assert first.body["status"] == "accepted"
        cases = DynamoDbRepository(cloud.table("cases"), cloud.client("dynamodb"))
        found = cases.get(f"case#{first.body['case_id']}", "case")
        assert json.loads(found.document)["customer_id"] == case.customer_id

    def test_its_customer_hears_how_it_goes_on_and_ends(self, story):
        case, _, first, _, heard, _ = story
        assert {message["case_id"] for message in heard} == {first.body["case_id"]}
        assert "CaseProgressed" in [message["type"] for message in heard[:-1]]
        wanted = case.expected_actions[0]
        (action,) = heard[-1]["actions"]
        assert (action["subject_id"], action["amount_minor"]) == (
            wanted.subject_id,
            wanted.amount_minor,
        )
        assert heard[-1]["order_id"] == case.order_id

    def test_watching_answers_how_it_stands(self, story):
        _, _, first, _, heard, status = story
        assert status["case_id"] == first.body["case_id"]
        assert status["status"] == "resolved"
        assert status["actions"] == heard[-1]["actions"]

    def test_the_case_can_be_read_by_its_customer_alone(self, api, story):
        _, token, first, _, heard, _ = story
        path = f"/cases/{first.body['case_id']}"
        own = api.call("GET", path, token)
        assert (own.status, own.body["status"]) == (200, "resolved")
        assert own.body["actions"] == heard[-1]["actions"]
        other = api.call("GET", path, api.token("cust_other"))
        assert (other.status, other.body["error"]) == (404, "UnknownCaseError")
        unknown = api.call("GET", "/cases/case_nobodys", api.token("cust_other"))
        assert unknown.status == 404

    def test_the_payment_was_refunded_once(self, cloud, story):
        case, *_ = story
        payments = cloud.client("dynamodb").scan(TableName=cloud.table("payments"))["Items"]
        documents = [json.loads(item["document"]["S"]) for item in payments]
        paid = [
            each
            for each in documents
            if each.get("effect_key") and each.get("order_id") == case.order_id
        ]
        wanted = case.expected_actions[0]
        assert [each["amount_minor"] for each in paid] == [wanted.amount_minor]

    def test_every_request_leaves_a_line_in_the_access_log(self, cloud, story):
        wanted = {
            ("POST /cases", "202"),
            ("POST /tickets", "201"),
            ("$connect", "200"),
            ("watch", "200"),
            ("$disconnect", "200"),
        }

        def complete():
            pages = cloud.client("logs").get_paginator("filter_log_events")
            events = [
                json.loads(event["message"])
                for page in pages.paginate(logGroupName="/aws/apigateway/redress")
                for event in page["events"]
            ]
            assert all(event["requestId"] for event in events)
            return wanted <= {(event["route"], event["status"]) for event in events}

        until(complete, "the lines of the story")


class TestDoor:
    def test_no_token_or_a_wrong_one_is_no_entry(self, api):
        for token in (None, "nonsense", api.token("cust_1")[:-4] + "AAAA"):
            answer = api.call("GET", "/cases/case_1", token)
            assert (answer.status, answer.body) == (401, {"message": "Unauthorized"})
            assert answer.headers["www-authenticate"].startswith("Bearer")

    def test_a_token_without_the_scope_is_refused(self, api):
        reader = api.token("cust_1", "--scope", "redress/cases.read")
        refused = api.call("POST", "/cases", reader, {"order_id": "ord_1_1", "statement": "x"})
        assert (refused.status, refused.body) == (403, {"message": "Forbidden"})
        assert "insufficient_scope" in refused.headers["www-authenticate"]
        writer = api.token("cust_1", "--scope", "redress/cases.write")
        assert api.call("GET", "/cases/case_1", writer).status == 403

    def test_a_machine_is_no_customer(self, api):
        answer = api.call("POST", "/tickets", api.token(None))
        assert (answer.status, answer.body["error"]) == (403, "NotSignedInError")

    def test_what_does_not_fit_is_told_as_such(self, api):
        token = api.token("cust_1")
        for body in (b"{", {"order_id": "ord_1"}, {"order_id": 1, "statement": "x"}, b"\xff"):
            answer = api.call("POST", "/cases", token, body)
            assert (answer.status, answer.body["error"]) == (400, "InvalidInputError"), body
        assert api.call("GET", "/nowhere", token).status == 404

    def test_the_customers_page_may_call_and_others_may_not(self, api):
        wanted = {
            "Access_Control_Request_Method": "POST",
            "Access_Control_Request_Headers": "authorization,idempotency-key",
        }
        page = api.call("OPTIONS", "/cases", Origin=PAGE, **wanted)
        assert page.status == 204
        assert page.headers["access-control-allow-origin"] == PAGE
        assert "idempotency-key" in page.headers["access-control-allow-headers"]
        other = api.call("OPTIONS", "/cases", Origin="https://evil.example", **wanted)
        assert "access-control-allow-origin" not in other.headers
        answer = api.call("GET", "/cases/case_1", Origin=PAGE)
        assert answer.headers["access-control-allow-origin"] == PAGE

    def test_too_many_requests_are_throttled(self, api):
        statuses = []
        with api.connected() as connection:
            for _ in range(1000):
                connection.request("POST", "/tickets")
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
                if statuses[-1] == 429:
                    break
        # A burst of 100 passes; what came back meanwhile, at 50 a second, does too.
        assert statuses[-1] == 429
        assert set(statuses[:-1]) == {401}
        assert len(statuses) > 100

    def test_a_page_under_another_name_of_this_machine_is_refused(self, api):
        answer = api.call("GET", "/cases/case_1", Host="rebound.example")
        assert answer.status == 403


class TestTickets:
    def test_nobody_connects_without_a_ticket(self, api):
        for ticket in (None, "", "guessed"):
            with pytest.raises(InvalidStatus) as refused, api.listen(ticket):
                pass
            assert refused.value.response.status_code == 403

    def test_a_ticket_opens_one_connection(self, api):
        ticket = api.ticket(api.token("cust_1"))
        with api.listen(ticket), pytest.raises(InvalidStatus), api.listen(ticket):
            pass

    def test_a_ticket_expires(self, api, cloud):
        past = datetime.now(UTC) - timedelta(seconds=1)
        keep_ticket(clients_of(cloud), "late", Ticket(customer_id="cust_1", expires_at=past))
        with pytest.raises(InvalidStatus), api.listen("late"):
            pass

    def test_a_client_is_told_what_is_wrong_and_stays(self, api):
        with api.listen(api.ticket(api.token("cust_1"))) as socket:
            socket.send(json.dumps({"action": "watch", "case_id": "case_nobodys"}))
            assert messages(socket, "Error")[-1]["error"] == "UnknownCaseError"
            socket.send(json.dumps({"action": "watch"}))
            assert messages(socket, "Error")[-1]["error"] == "InvalidInputError"
            socket.send("no JSON")
            assert json.loads(socket.recv(SECONDS))["message"] == "Forbidden"


class TestGone:
    def connection_id(self, cloud, customer):
        found = clients_of(cloud).by_index(f"customer#{customer}")
        return [json.loads(record.document)["connection_id"] for record in found]

    def test_a_closed_connection_is_forgotten(self, api, cloud):
        with api.listen(api.ticket(api.token("cust_closing"))):
            assert len(self.connection_id(cloud, "cust_closing")) == 1
        until(lambda: not self.connection_id(cloud, "cust_closing"), "$disconnect")

    def test_news_finds_out_that_a_client_is_gone(self, api, cloud):
        """$disconnect is not promised: it is switched off, and the client dies without a word."""
        disconnect = function(cloud, "DisconnectClient")
        aws = cloud.client("lambda")
        aws.put_function_concurrency(FunctionName=disconnect, ReservedConcurrentExecutions=0)
        try:
            with api.listen(api.ticket(api.token("cust_dying"))) as socket:
                (connection,) = self.connection_id(cloud, "cust_dying")
                socket.socket.shutdown(sockets.SHUT_RDWR)
                with pytest.raises(ConnectionClosed):
                    socket.recv(SECONDS)
            path = f"/live/@connections/{connection}"
            until(lambda: cloud_says_gone(cloud, path), "410 for the connection")
            assert self.connection_id(cloud, "cust_dying") == [connection]
            detail = {"customer_id": "cust_dying", "case_id": "case_x", "status": "resolved"}
            cloud.client("events").put_events(
                Entries=[
                    {
                        "EventBusName": cloud.stack.outputs["BusName"],
                        "Source": "redress",
                        "DetailType": "CaseResolved",
                        "Detail": json.dumps(detail),
                    }
                ]
            )
            until(lambda: not self.connection_id(cloud, "cust_dying"), "NotifyClients forgetting")
        finally:
            aws.delete_function_concurrency(FunctionName=disconnect)


def cloud_says_gone(cloud, path):
    status, _, _ = cloud.gateway.routes.rest["execute-api"].handle("GET", path, "", {}, b"")
    assert status in (200, 410)
    return status == 410


def test_tokens_name_their_customer_as_cognito_does(api):
    payload = api.token("cust_mina").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["username"] == claims["sub"] == "cust_mina"
    assert claims["token_use"] == "access"
    assert claims["exp"] > time.time()
