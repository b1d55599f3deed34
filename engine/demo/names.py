"""Made-up Chinese names: a surname by how common it is, a given name by the characters of the time.

Nobody in particular is meant; that somebody bears such a name cannot be helped.
"""

from enum import StrEnum
from itertools import accumulate
from random import Random
from typing import Final

_SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯曹彭"
    "曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖"
)
"""Most common first, roughly as in the census."""
_RARE_SURNAMES: Final = ("欧阳", "上官", "司徒", "诸葛")
_RARE_SHARE: Final = 0.003
_WEIGHTS: Final = tuple(accumulate(1 / (rank + 4) for rank in range(len(_SURNAMES))))

_FOR_ALL: Final = "子宇思文嘉晨雨佳一欣梓俊若安天昕书知辰予逸景清语承言乐远"


class Sex(StrEnum):
    """As registries write it."""

    FEMALE = "女"
    MALE = "男"


_OWN: Final = {
    Sex.FEMALE: "婷雪怡琳悦颖洁萱瑶静妍慧敏芳莹丽倩蕾媛娜珊薇彤霞玲菲蓉岚",
    Sex.MALE: "伟强磊杰涛明浩鹏宁博轩凯斌航峰志超阳豪毅泽睿恒昊宏彬勇威",
}
_LONG_SHARE: Final = 0.85
"""Given names of two characters."""


def make_up_name(random: Random, sex: Sex) -> str:
    """Return a name of two to four characters."""
    if random.random() < _RARE_SHARE:
        surname = random.choice(_RARE_SURNAMES)
    else:
        surname = random.choices(_SURNAMES, cum_weights=_WEIGHTS)[0]
    last = random.choice(_OWN[sex])
    if random.random() >= _LONG_SHARE:
        return surname + last
    first = random.choice(_FOR_ALL + _OWN[sex])
    return surname + first + last
