"""Score the embedded model on hand-written questions, through the whole program.

`cases` reads the questions, `expected` works out the right answers, `runner` asks the agent, `answers` and
`checks` compare, `report` counts.
"""
