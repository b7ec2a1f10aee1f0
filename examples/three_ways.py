"""The same question through `Agent`, through LangChain's ``create_agent``, and as a node of a larger graph.

pip install 'llama3-agent[langchain]'
"""

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from llama3_agent import Agent, ChatLlama, Llama
from llama3_agent.middleware import MendCalls

QUESTION = "What's the weather like in Lima?"


def get_weather(city: str) -> str:
    """Get the current weather for a city.

    Args:
        city: Name of the city.
    """
    return f"sunny, 22 degrees in {city}"


llama = Llama("cria")

with Agent(llama, tools=[get_weather], sandbox=None) as agent:
    print("Agent:", agent.run(QUESTION).output)

    def ask(state: MessagesState) -> MessagesState:
        """Answer the last message of a conversation that other nodes take part in too."""
        run = agent.run(state["messages"][-1].text)
        return {"messages": [AIMessage(run.output)]}

    graph = StateGraph(MessagesState)
    graph.add_node("llama", ask)
    graph.add_edge(START, "llama")
    graph.add_edge("llama", END)
    state = graph.compile().invoke({"messages": [HumanMessage(QUESTION)]})
    print("subgraph:", state["messages"][-1].text)

chain = create_agent(ChatLlama(llama), [get_weather], middleware=[MendCalls()])
state = chain.invoke({"messages": [HumanMessage(QUESTION)]})
print("create_agent:", state["messages"][-1].text)
