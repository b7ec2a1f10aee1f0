"""What the model says where there is nothing to compute."""

from __future__ import annotations

WHO = (
    "I am cria, a small demonstration model with the Llama architecture. I can calculate, analyse CSV files, "
    "draw plots, work with dates and text, call functions and search the web."
)
CANNOT = (
    "I am a small demonstration model and I cannot help with that. I can calculate, analyse CSV files, "
    "draw plots, work with dates and text, call functions and search the web."
)
CHAT = {
    "hello": "Hello! How can I help you?",
    "thanks": "You are welcome!",
    "bye": "Goodbye!",
    "who_are_you": WHO,
    "what_can_you_do": WHO,
    "how_are_you": "I am fine, thank you. How can I help you?",
    "ok_nice": "Good. What would you like to do next?",
    "out_of_scope": CANNOT,
}
NO_PYTHON = "I cannot do that without the code interpreter, which is switched off here."
NO_SEARCH = "I cannot search the web here: no search tool is set up."
NO_FILE = "Please attach the CSV file first."


def failure(stderr: str) -> str:
    """The answer when code failed for good: the last line of its traceback."""
    return f"I could not do that. {stderr.splitlines()[-1]}"
