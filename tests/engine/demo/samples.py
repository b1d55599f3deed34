"""A folder like that of the real month, with rows that nobody ever had."""

import gzip
from pathlib import Path

from engine.demo.sample import DOOR_EVENTS, PURCHASES, STUDENTS

_STUDENTS = """\
card_no,sex,major,access_card_no
900001,女,18园艺,1
900002,男,18园艺,2
900003,男,18木工（学徒）,3
"""
_PURCHASES = """\
card_no,purchases,mean_balance_yuan
900001,41,50.25
900003,7,0.0
"""
_DOOR_EVENTS = """\
event_no,access_card_no,at,door,direction,allowed
1,1,2019-04-01 00:00:00,西楼,in,1
2,2,2019-04-01 00:00:00,东楼,in,1
3,1,2019-04-01 00:10:00,西楼,out,0
"""


def write_sample(folder: Path) -> None:
    (folder / STUDENTS).write_text(_STUDENTS, "utf-8")
    (folder / PURCHASES).write_text(_PURCHASES, "utf-8")
    (folder / DOOR_EVENTS).write_bytes(gzip.compress(_DOOR_EVENTS.encode()))
