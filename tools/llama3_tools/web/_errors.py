"""The one error of the web tools."""


class WebToolError(RuntimeError):
    """A web service gave no usable answer. The message says why and what to do about it."""
