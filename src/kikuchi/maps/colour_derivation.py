"""Where the table of 230 colours comes from: run this file to print `colour_table.SPACE_GROUP_COLOURS`."""

import numpy as np

from kikuchi.maps.colour_vision import colour_distance

# The ten groups of m-3m, the classes this project is about. Colours of Okabe & Ito (2008) and of P. Tol's
# schemes (SRON/EPS/TN/09-002), the subset of ten that lies farthest apart under normal vision, protanopia and
# deuteranopia; the pair most often confused, 221 and 225, is orange against blue.
HAND_PICKED = {
    221: "#E69F00",
    222: "#EEDD88",
    223: "#AA3377",
    224: "#6699CC",
    225: "#0072B2",
    226: "#BB5566",
    227: "#225522",
    228: "#222255",
    229: "#D55E00",
    230: "#99DDFF",
}
# White paper and the greys of the three reasons for no solution: no class may look like them.
RESERVED = ("#FFFFFF", "#D9D9D9", "#8C8C8C", "#262626")
RESERVED_DISTANCE = 8.0
LIGHTNESS = (22.0, 94.0)
CHROMA = 15.0  # a class is never a grey
LEVELS = 18


def derive_colours() -> dict[int, str]:
    """Return one colour per space group, each as far as possible from all before it.

    Starts from `HAND_PICKED` and goes down from space group 220, taking from a lattice of sRGB colours the one
    whose smallest `colour_distance` to all colours taken so far is largest.

    Returns
    -------
    dict
        Space-group number to ``"#RRGGBB"``, in ascending order.
    """
    from skimage.color import rgb2lab

    levels = np.round(np.linspace(0, 255, LEVELS)) / 255
    lattice = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness, a, b = rgb2lab(lattice).T
    allowed = (lightness >= LIGHTNESS[0]) & (lightness <= LIGHTNESS[1]) & (np.hypot(a, b) >= CHROMA)
    for colour in RESERVED:
        allowed &= colour_distance(lattice, _rgb(colour)) >= RESERVED_DISTANCE
    lattice = lattice[allowed]

    nearest = np.min([colour_distance(lattice, _rgb(c)) for c in HAND_PICKED.values()], axis=0)
    colours = dict(HAND_PICKED)
    for space_group in range(220, 0, -1):
        chosen = lattice[np.argmax(nearest)]
        colours[space_group] = "#{:02X}{:02X}{:02X}".format(*np.round(255 * chosen).astype(int))
        nearest = np.minimum(nearest, colour_distance(lattice, chosen))
    return dict(sorted(colours.items()))


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


if __name__ == "__main__":
    table = list(derive_colours().values())
    for start in range(0, 230, 10):
        print("    " + " ".join(table[start : start + 10]))
