"""Questions about a CSV file, one after the other, in one conversation.

python examples/csv_analysis.py [FILE QUESTION ...]
"""

import sys
from pathlib import Path

from llama3_agent import Agent

WEATHER = Path(__file__).parent / "data" / "seattle-weather.csv"
QUESTIONS = ["What is the average temp_max?", "And the median?", "Plot temp_max against temp_min."]


def main(file: Path, questions: list[str]) -> None:
    """Ask, print what comes back, and save the plots into the folder ``plots``."""
    with Agent("cria") as agent:
        for number, question in enumerate(questions):
            run = agent.run(question, files=[file] if number == 0 else [], thread="analysis")
            print(f"{question}\n  {run.output}  [{run.finish_reason}]")
            print(f"  computed {run.usage.computed_tokens} of {run.usage.prompt_tokens} prompt tokens")
            for path in run.files.save("plots"):
                print(f"  saved {path}")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        sys.exit("give at least one question after the file")
    main(Path(sys.argv[1]) if sys.argv[1:] else WEATHER, sys.argv[2:] or QUESTIONS)
