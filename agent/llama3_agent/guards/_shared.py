"""Models that are loaded once, whoever asks for them and however often."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Model = TypeVar("Model")


class Shared(Generic[Key, Model]):
    """Keeps what was loaded as long as somebody uses it."""

    def __init__(self) -> None:
        self._models: weakref.WeakValueDictionary[Key, Any] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, key: Key, load: Callable[[], Model]) -> Model:
        """Return the model of this name, loaded now if nobody has it. Others wait for it meanwhile."""
        with self._lock:
            model: Model | None = self._models.get(key)
            if model is None:
                model = load()
                self._models[key] = model
            return model
