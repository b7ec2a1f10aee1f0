"""Values in every form they offer, and the figures that a cell left open."""

from __future__ import annotations

import base64
import io
import json
import sys
from typing import Any

_METHODS = {
    "html": "_repr_html_",
    "markdown": "_repr_markdown_",
    "svg": "_repr_svg_",
    "png": "_repr_png_",
    "jpeg": "_repr_jpeg_",
    "latex": "_repr_latex_",
    "json": "_repr_json_",
}
_TEXT_LIMIT = 200_000
_FORM_LIMIT = 6_000_000
_BUDGET = 16_000_000

Form = dict[str, Any]


def forms(value: Any) -> Form:
    """A value by kind of presentation: always `text`, and what its `_repr_*_` methods offer."""
    if _is_figure(value):
        return {"text": repr(value), "png": _png(value)}
    shown: Form = {"text": _cut(repr(value))}
    source = value.to_frame() if _is_series(value) else value
    for kind, method in _METHODS.items():
        if not isinstance(value, type) and (offered := _call(source, method)) is not None:
            shown[kind] = offered
    return {kind: offer for kind, offer in shown.items() if _size(offer) <= _FORM_LIMIT}


def within_budget(shown: list[Form]) -> list[Form]:
    """As many of the forms as one reply may carry."""
    room, kept = _BUDGET, []
    for form in shown:
        room -= sum(map(_size, form.values()))
        kept.append(form if room >= 0 else {"text": form["text"][:1_000]})
    return kept


def _size(offer: Any) -> int:
    return len(offer) if isinstance(offer, str) else len(json.dumps(offer))


def figures() -> list[Form]:
    """Each figure that pyplot holds open, as PNG; all of them are closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    try:
        drawn = [pyplot.figure(number) for number in pyplot.get_fignums()]
        return [{"text": repr(figure), "png": _png(figure)} for figure in drawn]
    finally:
        pyplot.close("all")


def is_open_figure(value: Any) -> bool:
    """Whether `figures` will show this value anyway."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return pyplot is not None and _is_figure(value) and pyplot.fignum_exists(value.number)


def _png(figure: Any) -> str:
    target = io.BytesIO()
    figure.savefig(target, format="png", bbox_inches="tight")
    return base64.b64encode(target.getvalue()).decode()


def _call(value: Any, method: str) -> Any:
    try:
        offered = getattr(value, method, lambda: None)()
    except Exception:  # noqa: BLE001 - user code; a form that fails is a form not offered
        return None
    offered = offered[0] if isinstance(offered, tuple) and offered else offered
    if isinstance(offered, bytes):
        return base64.b64encode(offered).decode()
    if method == "_repr_json_":
        return offered if _is_json(offered) else None
    return offered if isinstance(offered, str) else None


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "\n... (cut)"


def _is_figure(value: Any) -> bool:
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, module.Figure)


def _is_series(value: Any) -> bool:
    module = sys.modules.get("pandas")
    return module is not None and isinstance(value, getattr(module, "Series", ()))
