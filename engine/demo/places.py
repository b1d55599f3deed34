"""The demo campus as a place: majors, canteens and shops with their tills and menus, buildings."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Major:
    """What students study. The code stands in their numbers."""

    code: str
    name: str
    college: str
    weight: int
    """How many study it, relative to the others."""


class Meal(StrEnum):
    """What brings a customer to a till."""

    BREAKFAST = "breakfast"
    LUNCH = "lunch"
    DINNER = "dinner"
    NIGHT = "night"
    """Something small before the dormitory closes."""
    ERRAND = "errand"
    """Fruit, paper, a drink: at any time of the day."""
    FEAST = "feast"
    """A table for friends: above the limit without PIN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """Prices in fen. An order is one of `first` and, by appetite, some of `more`."""

    first: tuple[int, ...]
    more: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A merchant, the places of its tills, and which meals it sells at what prices."""

    name: str
    tills: tuple[str, ...]
    menus: dict[Meal, Menu]


def _counters(floor: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{floor} {number}号窗口" for number in numbers)


_BREAKFAST: Final = Menu(first=(150, 200, 250, 350, 600), more=(100, 150, 150, 200, 250))
_PLATE: Final = Menu(first=(500, 600, 700, 800, 900, 1200), more=(50, 150, 200, 250, 300))
_NOODLES: Final = Menu(first=(900, 1000, 1100, 1300, 1500), more=(100, 150, 200, 300))
_GRILL: Final = Menu(first=(500, 700, 900, 1200), more=(200, 300, 300, 500))
_TABLE: Final = Menu(first=(5200, 6800, 8800), more=(800, 1800, 2600))
_SUPERMARKET: Final = Menu(first=(150, 200, 300, 450, 600, 1250), more=(100, 350, 590, 880))
_FRUIT: Final = Menu(first=(480, 660, 850, 1020, 1390), more=(300, 420))
_COFFEE: Final = Menu(first=(900, 1200, 1500, 1800), more=(500, 800))
_PRINT: Final = Menu(first=(20, 50, 90, 160, 240), more=(30, 50))
_BATH: Final = Menu(first=(180, 220, 260, 310), more=(0,))

SHOPS: Final = (
    Shop(
        name="第一食堂",
        tills=_counters("一楼", 1, 2, 3, 4, 5, 6) + _counters("二楼", 7, 8, 9),
        menus={Meal.BREAKFAST: _BREAKFAST, Meal.LUNCH: _PLATE, Meal.DINNER: _PLATE},
    ),
    Shop(
        name="第二食堂",
        tills=_counters("一楼", 1, 2, 3, 4, 5) + _counters("二楼", 6, 7, 8),
        menus={Meal.BREAKFAST: _BREAKFAST, Meal.LUNCH: _PLATE, Meal.DINNER: _PLATE},
    ),
    Shop(
        name="第三食堂",
        tills=_counters("一楼", 1, 2, 3, 4),
        menus={
            Meal.BREAKFAST: _BREAKFAST,
            Meal.LUNCH: _NOODLES,
            Meal.DINNER: _NOODLES,
            Meal.NIGHT: _GRILL,
        },
    ),
    Shop(
        name="清真食堂",
        tills=_counters("一楼", 1, 2, 3),
        menus={Meal.BREAKFAST: _BREAKFAST, Meal.LUNCH: _NOODLES, Meal.DINNER: _NOODLES},
    ),
    Shop(
        name="教工餐厅",
        tills=_counters("一楼", 1, 2),
        menus={Meal.LUNCH: _PLATE, Meal.DINNER: _PLATE},
    ),
    Shop(
        name="风味餐厅",
        tills=_counters("二楼", 1, 2, 3),
        menus={
            Meal.LUNCH: _NOODLES,
            Meal.DINNER: _NOODLES,
            Meal.NIGHT: _GRILL,
            Meal.FEAST: _TABLE,
        },
    ),
    Shop(
        name="校园超市",
        tills=("1号收银台", "2号收银台", "3号收银台", "4号收银台"),
        menus={Meal.ERRAND: _SUPERMARKET, Meal.NIGHT: _SUPERMARKET},
    ),
    Shop(name="鲜果店", tills=("1号收银台", "2号收银台"), menus={Meal.ERRAND: _FRUIT}),
    Shop(name="图书馆咖啡厅", tills=("吧台",), menus={Meal.ERRAND: _COFFEE}),
    Shop(name="文印中心", tills=("1号柜台", "2号柜台"), menus={Meal.ERRAND: _PRINT}),
    Shop(name="浴室", tills=("东区入口", "西区入口"), menus={Meal.NIGHT: _BATH}),
)
"""Merchants and their 40 tills. The order is that of the fleet: a till is known by its place in it,
so new ones go to the end."""

TILLS: Final = tuple((shop, place) for shop in SHOPS for place in shop.tills)
"""In the order of the fleet."""

DOORS: Final = (
    "图书馆",
    "第一教学楼",
    "第二教学楼",
    "实验楼",
    "体育馆",
    "行政楼",
    "东区1号宿舍楼",
    "东区2号宿舍楼",
    "西区1号宿舍楼",
    "西区2号宿舍楼",
)

MAJORS: Final = (
    Major(code="01", name="计算机科学与技术", college="信息工程学院", weight=9),
    Major(code="02", name="软件工程", college="信息工程学院", weight=9),
    Major(code="03", name="电子信息工程", college="信息工程学院", weight=6),
    Major(code="04", name="机械设计制造及其自动化", college="机电工程学院", weight=7),
    Major(code="05", name="电气工程及其自动化", college="机电工程学院", weight=6),
    Major(code="06", name="机器人工程", college="机电工程学院", weight=4),
    Major(code="07", name="土木工程", college="建筑工程学院", weight=5),
    Major(code="08", name="工程造价", college="建筑工程学院", weight=5),
    Major(code="09", name="会计学", college="经济管理学院", weight=9),
    Major(code="10", name="金融学", college="经济管理学院", weight=7),
    Major(code="11", name="市场营销", college="经济管理学院", weight=6),
    Major(code="12", name="电子商务", college="经济管理学院", weight=5),
    Major(code="13", name="英语", college="外国语学院", weight=5),
    Major(code="14", name="日语", college="外国语学院", weight=3),
    Major(code="15", name="视觉传达设计", college="艺术设计学院", weight=4),
    Major(code="16", name="环境设计", college="艺术设计学院", weight=3),
    Major(code="17", name="数学与应用数学", college="理学院", weight=3),
    Major(code="18", name="应用化学", college="理学院", weight=3),
    Major(code="19", name="法学", college="人文学院", weight=4),
    Major(code="20", name="社会工作", college="人文学院", weight=3),
)
