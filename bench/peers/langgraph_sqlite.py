"""LangGraph with its SQLite checkpointer: a checkpoint per superstep, written synchronously."""

import json
import sqlite3
from typing import Any

import _path  # noqa: F401
import harness
import work
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

folder = work.fresh_folder(harness.FOLDER, "langgraph")
ledger = work.Ledger(folder / "ledger.db")


class Scripted(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        turn = sum(message.type == "tool" for message in messages)
        if turn < len(work.SCRIPT):
            call = {"name": work.SCRIPT[turn], "args": {"order_id": "A-1001"}, "id": f"t{turn}"}
            answer = AIMessage("", tool_calls=[call])
        else:
            answer = AIMessage(work.FINAL)
        return ChatResult(generations=[ChatGeneration(message=answer)])


class State(MessagesState):
    case: str
    out: dict[str, Any]


tools = [work.get_order, work.get_payments, work.get_inventory]
llm = Scripted().bind_tools(tools)


def agent(state: State) -> dict[str, Any]:
    return {"messages": [llm.invoke([SystemMessage(work.SYSTEM), *state["messages"]])]}


def route(state: State) -> str:
    return "tools" if state["messages"][-1].tool_calls else "refund"


def refund(state: State) -> dict[str, Any]:
    decision = json.loads(state["messages"][-1].content)
    return {"out": ledger.refund(state["case"], decision["refund_minor"])}


graph = StateGraph(State)
graph.add_node("agent", agent)
graph.add_node("tools", ToolNode(tools))
graph.add_node("refund", refund)
graph.add_edge(START, "agent")
graph.add_conditional_edges("agent", route, ["tools", "refund"])
graph.add_edge("tools", "agent")
graph.add_edge("refund", END)
app = graph.compile(
    checkpointer=SqliteSaver(sqlite3.connect(folder / "saver.db", check_same_thread=False))
)


def run(case: str) -> dict[str, Any]:
    state = {"case": case, "messages": [HumanMessage(work.PROMPT.format(case=case))]}
    config = {"configurable": {"thread_id": case}}
    return app.invoke(state, config, durability="sync")["out"]


if __name__ == "__main__":
    harness.measure("LangGraph + SQLite", run, ledger.count, "every superstep")
