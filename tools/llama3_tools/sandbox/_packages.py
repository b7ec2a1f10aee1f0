"""Which installed files belong to a set of distributions and to all that they require.

Only these are shown inside the sandbox, not the whole `site-packages`: no editable installs, no project
sources, no credentials that some package keeps beside its code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from ._errors import SandboxUnavailable

DATA_ANALYSIS = (
    "numpy",
    "pandas",
    "matplotlib",
    "scipy",
    "scikit-learn",
    "seaborn",
    "statsmodels",
    "sympy",
    "openpyxl",
    "lxml",
    "beautifulsoup4",
    "tabulate",
    "tzdata",
)
"""What the code interpreter offers by default, as far as it is installed."""

_NEVER = {"..", ".", "__pycache__"}


def entries(names: Iterable[str], *, required: bool) -> dict[str, Path]:
    """The top-level files and folders of the named distributions and of their requirements.

    Parameters
    ----------
    required
        Whether a name that is not installed is an error; otherwise it is passed over.

    Returns
    -------
    dict
        Entry name (`"numpy"`, `"numpy.libs"`, `"six.py"`) to its place on this machine.

    Raises
    ------
    SandboxUnavailable
        If a required distribution is not installed.
    """
    found: dict[str, Path] = {}
    for installed in _closure(names, required=required):
        found.update(_top_level(installed))
    return found


def _closure(names: Iterable[str], *, required: bool) -> Iterator[Distribution]:
    waiting = [(name, required) for name in names]
    seen: set[str] = set()
    while waiting:
        name, needed = waiting.pop()
        if (key := name.lower().replace("_", "-")) in seen:
            continue
        seen.add(key)
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            if needed:
                raise SandboxUnavailable(
                    f"the sandbox was asked to offer {name!r}: install it first"
                ) from None
            continue
        waiting += [(required_name, False) for required_name in _requirements(installed)]
        yield installed


def _requirements(installed: Distribution) -> Iterator[str]:
    for line in installed.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def _top_level(installed: Distribution) -> Iterator[tuple[str, Path]]:
    for name in sorted(_first_parts(installed) - _NEVER):
        place = Path(str(installed.locate_file(name)))
        if place.suffix != ".pth" and place.exists():
            yield name, place


def _first_parts(installed: Distribution) -> set[str]:
    if record := installed.read_text("RECORD"):  # `files` would make an object of each of thousands of lines
        return {line.partition("/")[0].partition(",")[0].strip('"') for line in record.splitlines() if line}
    return {file.parts[0] for file in installed.files or ()}
