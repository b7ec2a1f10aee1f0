"""``python -m llama3_agent.cli``: the same as ``llama3-agent``."""

from . import main

main()
