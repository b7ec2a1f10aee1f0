"""Write the invented CSV files that the hand-written questions are about.

Every number is drawn from a generator with a fixed seed, so the files can be made again byte for byte:

    python examples/cria/eval/make_files.py [FOLDER]
"""

from __future__ import annotations

import csv
import datetime
import random
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

Row = dict[str, object]

NAMES = """
    Ada Bo Cleo Dag Edda Finn Gro Hugo Iris Jon Kaja Leif Mina Nils Oda Per Quinn Runa Sven Tuva Ulf Vera
    Wim Ylva Zeno Anouk Bram Chidi Dalia Enzo Farah Goran Hana Ivo Jules Kofi Lena Mateo Nadia Omar Petra
    Rafa Sanna Tomas
"""
STREETS = "Birch Elm Harbour Mill Church Station Bridge Garden Hill Market Orchard Quarry River Tower Well"
MODELS = "Lagoon Ember Falcon Pico Strada Nomad Vento Orbit Lynx Delta Juno Atlas Comet Sable Tundra Zephyr"
CLUBS = ("Harriers", "Striders", "Lone Wolves")


def flats(rng: random.Random) -> Iterable[Row]:
    """Flats for sale: size in square metres, price in kroner; a few sizes are missing."""
    for index in range(48):
        area = rng.randint(24, 140)
        yield {
            "street": f"{rng.choice(STREETS.split())} Street {index + 3}",
            "district": rng.choice(("Frogner", "Sagene", "Majorstuen", "Torshov")),
            "living_area": "" if index in (7, 19, 33) else area,
            "bedrooms": max(1, min(5, round(area / 30))),
            "price_kr": 1_100_000 + area * 52_000 + rng.randint(-600, 600) * 1_000,
            "built": rng.randint(1895, 2021),
            "balcony": rng.choice(("yes", "no")),
        }


def bakery(rng: random.Random) -> Iterable[Row]:
    """Sales of three shops over two months; some counts were not written down."""
    prices = {"rye bread": 5.9, "croissant": 3.2, "cinnamon bun": 3.8, "focaccia": 7.5}
    start = datetime.date(2024, 3, 1)
    for index in range(60):
        product = rng.choice(tuple(prices))
        yield {
            "Date": start + datetime.timedelta(days=index),
            "Product": product,
            "Units Sold": "" if index in (4, 22, 31, 50) else rng.randint(8, 160),
            "Unit Price": round(prices[product] + rng.choice((-0.3, 0, 0, 0.2, 0.5)), 2),
            "Shop": rng.choice(("Oslo", "Bergen", "Lillehammer")),
        }


def runners(rng: random.Random) -> Iterable[Row]:
    """Finishers of a half marathon; not all belong to a club."""
    for index, name in enumerate(rng.sample(NAMES.split(), 36)):
        yield {
            "bib": 101 + index * 3,
            "name": name,
            "age": rng.randint(18, 71),
            "club": "" if index in (2, 9, 14, 21, 30) else rng.choice(CLUBS),
            "finish_min": round(rng.uniform(74, 158), 1),
            "country": rng.choice(("Norway", "Kenya", "Spain", "Japan")),
        }


def otters(rng: random.Random) -> Iterable[Row]:
    """Tagged otters; two escaped the scales."""
    for index in range(30):
        weight = rng.uniform(4.5, 12.5)
        yield {
            "tag": f"OT{index * 7 + 11:03d}",
            "sex": rng.choice("FM"),
            "weight (kg)": "" if index in (5, 17) else round(weight, 2),
            "length (cm)": round(62 + weight * 5 + rng.uniform(-6, 6), 1),
            "river": rng.choice(("Tweed", "Spey", "Wye")),
            "seen_on": datetime.date(2023, 5, 1) + datetime.timedelta(days=rng.randint(0, 120)),
        }


def station(rng: random.Random) -> Iterable[Row]:
    """Two months of a weather station."""
    for index in range(60):
        high = round(rng.uniform(6, 24) + index / 8, 1)
        yield {
            "day": datetime.date(2022, 4, 1) + datetime.timedelta(days=index),
            "tmax": high,
            "tmin": round(high - rng.uniform(3, 11), 1),
            "rain_mm": round(max(0.0, rng.gauss(2, 5)), 1),
            "wind_kmh": rng.randint(2, 61),
            "sky": rng.choice(("clear", "cloudy", "fog", "showers")),
        }


def staff(rng: random.Random) -> Iterable[Row]:
    """The people of a small firm."""
    for index, name in enumerate(rng.sample(NAMES.split(), 40)):
        years = rng.randint(0, 32)
        yield {
            "emp_id": 2000 + index,
            "First Name": name,
            "dept": rng.choice(("Sales", "IT", "Legal", "Logistics")),
            "salary": 31_000 + years * 1_450 + rng.randint(-4_000, 9_000),
            "yrs_exp": years,
            "remote": rng.choice(("yes", "no")),
        }


def kelp(rng: random.Random) -> Iterable[Row]:
    """A kelp survey by divers; the turbidity probe failed four times."""
    for index in range(45):
        fronds = rng.randint(3, 88)
        yield {
            "quadrat": f"Q{index + 1}",
            "frond_count": fronds,
            "biomass_g": round(fronds * rng.uniform(11, 19), 1),
            "turbidity": "" if index in (0, 12, 28, 40) else round(rng.uniform(0.4, 9.6), 2),
            "site": rng.choice(("Skerry", "Cove", "Reef", "Pier")),
            "depth_m": round(rng.uniform(1.5, 14.5), 1),
        }


def invoices(rng: random.Random) -> Iterable[Row]:
    """Bills sent in 2023, some still open."""
    for index in range(50):
        amount = round(rng.uniform(45, 4_900), 2)
        yield {
            "InvoiceNo": f"R-{index + 310}",
            "customer": rng.choice(("Hansa Foods", "Nordlys AS", "Blue Kite", "Ortega & Co", "Mirabel")),
            "amount_eur": amount,
            "VAT": round(amount * 0.25, 2),
            "issued": datetime.date(2023, 1, 2) + datetime.timedelta(days=rng.randint(0, 360)),
            "paid": rng.choice(("yes", "yes", "no")),
        }


def cars(rng: random.Random) -> Iterable[Row]:
    """Invented cars; heavier ones drink more."""
    for index in range(32):
        weight = rng.randint(870, 2_250)
        yield {
            "model": f"{MODELS.split()[index % 16]} {'GT' if index > 15 else 'S'}",
            "MPG": round(62 - weight / 48 + rng.uniform(-5, 5), 1),
            "hp": round(weight / 11) + rng.randint(-25, 60),
            "cyl": rng.choice((3, 4, 4, 6, 8)),
            "kerb_weight": weight,
            "origin": rng.choice(("Italy", "Korea", "USA")),
        }


def grades(rng: random.Random) -> Iterable[Row]:
    """Marks out of a hundred of two classes; one history paper is lost."""
    for index, name in enumerate(rng.sample(NAMES.split(), 28)):
        maths = rng.randint(31, 99)
        yield {
            "Student": name,
            "Maths": maths,
            "Biology": max(20, min(100, maths + rng.randint(-18, 20))),
            "History": "" if index == 13 else rng.randint(35, 98),
            "class": rng.choice(("7a", "7b")),
            "absences": rng.randint(0, 14),
        }


def hives(rng: random.Random) -> Iterable[Row]:
    """The year of a beekeeper; three hives were not weighed."""
    for index in range(34):
        frames = rng.randint(5, 22)
        yield {
            "Hive No": index + 1,
            "Apiary": rng.choice(("Heath", "Orchard", "Riverside")),
            "Queen Year": rng.randint(2020, 2023),
            "Frames": frames,
            "Honey (kg)": "" if index in (3, 16, 25) else round(frames * rng.uniform(1.1, 2.3), 1),
            "Mites per 100": rng.randint(0, 9),
            "Breed": rng.choice(("Buckfast", "Carnica", "Ligustica")),
        }


def expenses(rng: random.Random) -> Iterable[Row]:
    """What a Norwegian household spends in a quarter; two amounts cannot be read on the receipts."""
    usual = {"mat": 420, "transport": 260, "strøm": 980, "fritid": 350, "klær": 640}
    for index in range(52):
        category = rng.choice(tuple(usual))
        yield {
            "dato": datetime.date(2024, 1, 3) + datetime.timedelta(days=index * 7 // 4),
            "kategori": category,
            "beløp_kr": "" if index in (11, 37) else round(usual[category] * rng.uniform(0.3, 1.8), 2),
            "betalt_med": rng.choice(("kort", "kort", "kontant", "faktura")),
            "hvem": rng.choice(("Runa", "Ivo", "Tuva")),
        }


def clinic(rng: random.Random) -> Iterable[Row]:
    """A week in the waiting room; some pulses were not taken."""
    for index in range(56):
        wait = rng.randint(2, 118)
        yield {
            "VISIT_ID": f"V{index + 5001}",
            "WARD": rng.choice(("Surgery", "Eyes", "Heart", "Skin")),
            "AGE": rng.randint(1, 93),
            "WAIT_MIN": wait,
            "PULSE_BPM": "" if index in (6, 18, 27, 41, 50) else rng.randint(52, 124),
            "TEMP_C": round(rng.gauss(37.2, 0.7), 1),
            "ARRIVED_BY": rng.choice(("bus", "car", "foot", "ambulance")),
            "SATISFACTION": max(1, min(10, round(10 - wait / 16 + rng.uniform(-2, 2)))),
        }


def podcast(rng: random.Random) -> Iterable[Row]:
    """The episodes of a show; the earliest has no ratings."""
    start = datetime.date(2023, 1, 5)
    for index in range(38):
        minutes = round(rng.uniform(18, 96), 1)
        yield {
            "episodeNo": index + 1,
            "releasedOn": start + datetime.timedelta(days=index * 14),
            "topic": rng.choice(("history", "space", "cooking", "music", "law")),
            "host": rng.choice(("Dalia", "Bram", "Quinn")),
            "durationMin": minutes,
            "downloads": round(9_000 - minutes * 40 + index * 110 + rng.randint(-900, 900)),
            "avgRating": "" if index == 0 else round(rng.uniform(2.6, 5), 2),
            "sponsored": rng.choice((True, False)),
        }


FILES: dict[str, Callable[[random.Random], Iterable[Row]]] = {
    "flats.csv": flats,
    "bakery.csv": bakery,
    "runners.csv": runners,
    "otters.csv": otters,
    "station.csv": station,
    "staff.csv": staff,
    "kelp.csv": kelp,
    "invoices-2023.csv": invoices,
    "cars.csv": cars,
    "grades.csv": grades,
    "hives.csv": hives,
    "utgifter.csv": expenses,
    "clinic.csv": clinic,
    "podcast.csv": podcast,
}


def write_files(folder: Path, *, seed: int = 20_240_611) -> list[Path]:
    """Write all the files into `folder`, each from its own stream of random numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    streams = {name: random.Random(f"{seed}/{name}") for name in FILES}
    return [_write(folder / name, list(make(streams[name]))) for name, make in FILES.items()]


def _write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


if __name__ == "__main__":
    for written in write_files(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "files"):
        print(written)
