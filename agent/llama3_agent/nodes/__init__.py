"""The nodes of the graph, by what they are about: writing, calls, guards."""
