"""Tools that ask the web: ``brave_search`` and ``wolfram_alpha``, the two that Llama 3 knows by name."""

from ._brave import BraveSearch, brave_search
from ._errors import WebToolError
from ._http import WebClient
from ._wolfram import WolframAlpha, wolfram_alpha

__all__ = ["BraveSearch", "WebClient", "WebToolError", "WolframAlpha", "brave_search", "wolfram_alpha"]
