"""Decisions on a grid, drawn and written for other programs."""

from kikuchi.maps.choice_pictures import candidates_picture, first_choice_picture, opening_picture
from kikuchi.maps.colours import SPACE_GROUP_COLOURS
from kikuchi.maps.full_grid import is_hexagonal
from kikuchi.maps.members_picture import members_picture
from kikuchi.maps.phase_map import PhaseMap
from kikuchi.maps.pictures import confidence_picture, entropy_picture, phase_picture, status_picture
from kikuchi.maps.summary_file import summarise
from kikuchi.maps.tally import Tally, tally
from kikuchi.maps.write import NO_HEXAGONAL_CTF, write_map

__all__ = [
    "NO_HEXAGONAL_CTF",
    "SPACE_GROUP_COLOURS",
    "PhaseMap",
    "Tally",
    "candidates_picture",
    "confidence_picture",
    "entropy_picture",
    "first_choice_picture",
    "is_hexagonal",
    "members_picture",
    "opening_picture",
    "phase_picture",
    "status_picture",
    "summarise",
    "tally",
    "write_map",
]
