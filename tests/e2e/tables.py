"""Tables that no one has seen: made from a seed, with a known shape and unknown numbers."""

from __future__ import annotations

from random import Random

import pandas as pd


def houses(seed: int, rows: int = 60) -> pd.DataFrame:
    """Prices that follow the area, in a few towns."""
    rng = Random(seed)
    area = [rng.randint(40, 240) for _ in range(rows)]
    return pd.DataFrame(
        {
            "town": rng.choices(["Leeds", "York", "Hull"], k=rows),
            "area": area,
            "rooms": [max(1, size // 30) for size in area],
            "price": [round(size * rng.uniform(1500, 4200), 2) for size in area],
        }
    )


def trees(seed: int, rows: int = 45) -> pd.DataFrame:
    """Heights and ages by species, some ages missing."""
    rng = Random(seed)
    return pd.DataFrame(
        {
            "id": range(1, rows + 1),
            "species": rng.choices(["oak", "birch", "pine", "elm"], k=rows),
            "height_m": [round(rng.gauss(14, 4), 1) for _ in range(rows)],
            "age": [rng.choice([None, rng.randint(5, 180), rng.randint(5, 180)]) for _ in range(rows)],
        }
    )


def orders(seed: int, rows: int = 80) -> pd.DataFrame:
    """Amounts by day and shop, under names with spaces and capitals."""
    rng = Random(seed)
    return pd.DataFrame(
        {
            "Order Date": [str(day.date()) for day in pd.date_range("2024-03-01", periods=rows)],
            "Shop": rng.choices(["North", "South", "Harbour"], k=rows),
            "Quantity": [rng.randint(1, 40) for _ in range(rows)],
            "Unit Price": [round(rng.uniform(0.5, 99), 2) for _ in range(rows)],
        }
    )


MAKERS = {"houses": houses, "trees": trees, "orders": orders}
