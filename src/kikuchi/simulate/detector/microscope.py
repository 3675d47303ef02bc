"""A microscope: what its parameters are drawn from, and what it makes of clean patterns."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from kikuchi.simulate.detector import imaging, recording
from kikuchi.simulate.detector.distribution import Distribution, between, constant, log_between
from kikuchi.simulate.detector.geometry import Geometry

Parameters = dict[str, np.ndarray]

#: Longest side of a pattern: what is longer is not read either.
_MOST_PIXELS = 8192


class Detector(BaseModel):
    """Screen and sample: every field but `shape` is a distribution, drawn once per pattern.

    Parameters
    ----------
    shape
        Rows and columns of a pattern, pixels.
    pcx, pcy, pcz
        Pattern centre in Bruker's convention (see `Geometry`); `pcz` is the camera distance in heights.
    sample_tilt, tilt, azimuthal, twist
        Degrees (see `Geometry`).
    binning
        Sensor pixels per pattern pixel along each side, summed as a camera does; a whole number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, int] = (64, 64)
    pcx: Distribution = between(0.45, 0.55)
    pcy: Distribution = between(0.2, 0.4)
    pcz: Distribution = between(0.45, 0.75)
    sample_tilt: Distribution = constant(70)
    tilt: Distribution = constant(0)
    azimuthal: Distribution = constant(0)
    twist: Distribution = constant(0)
    binning: Distribution = constant(1)

    @model_validator(mode="after")
    def _check(self) -> "Detector":
        if min(self.shape) < 2:
            raise ValueError("shape takes at least 2 rows and 2 columns")
        if max(self.shape) > _MOST_PIXELS:
            raise ValueError(f"shape takes at most {_MOST_PIXELS} rows and columns, as detectors have")
        _require_at_least("pcz", self.pcz, 1e-3)
        _require_at_least("binning", self.binning, 1)
        return self

    def draw(self, n: int, rng: np.random.Generator) -> Parameters:
        """Draw the parameters of `n` patterns, one array of shape (n,) for each."""
        drawn = {
            name: getattr(self, name).draw(n, rng) for name in type(self).model_fields if name != "shape"
        }
        drawn["binning"] = np.maximum(np.rint(drawn["binning"]), 1)
        return drawn

    def geometry(self, drawn: Parameters) -> Geometry:
        """Give the geometry that drawn parameters stand for, one per pattern."""
        centre = np.stack([drawn["pcx"], drawn["pcy"], drawn["pcz"]], axis=1)
        angles = (drawn[name] for name in ("sample_tilt", "tilt", "azimuthal", "twist"))
        return Geometry(self.shape, centre, *angles)


class Microscope(BaseModel):
    """Beam, screen and camera: every field but the last two is a distribution, drawn once per pattern.

    From `transfer_low` on the fields came later, and are off by default: an older table draws what it always drew.

    Parameters
    ----------
    contrast
        Standard deviation of the Kikuchi signal, relative to the background.
    background_height, background_width, background_x, background_y, gradient_x, gradient_y
        The smooth background (see `kikuchi.simulate.detector.imaging.background`).
    blur
        Point spread of the screen, standard deviation in pixels.
    dose
        Electrons per pixel and frame, on average.
    frames
        Frames averaged, a whole number.
    read_noise
        Electrons, standard deviation per frame.
    exposure
        Grey level of the brightest background as a share of full scale; with `dose` this is the gain.
    saturation
        Share of full scale at which the sensor is full.
    gamma
        Exponent of the camera's response.
    gain_variation
        Relative standard deviation of the sensitivity from pixel to pixel.
    dead_pixels
        Share of pixels that are always black or always white.
    occlusion, occlusion_direction
        How far an object's shadow reaches into the screen (0 to 1), and from which side (degrees).
    screen_radius
        Radius of a round screen in half shorter sides; 2 shows no edge.
    overlap
        Share of a second crystal of the same phase in the pattern, 0 to 1.
    deformation
        Spread of the orientation in the diffracting volume, degrees.
    transfer_low, transfer_middle, transfer_high
        Gains of the Kikuchi signal at 3, 16 and 32 cycles a height, relative to 8 (see
        `kikuchi.simulate.detector.recording.transfer`); `contrast` is what it has after that.
    stains
        Relative standard deviation of stains on the screen (see `kikuchi.simulate.detector.recording.stains`).
    smoothing
        Standard deviation in pixels of what softens the picture after the noise: binning, compression, resizing.
    screen
        Index of a real static background (see `kikuchi.simulate.detector.recording.SCREENS`), mirrored or not, in
        place of the hill; -1 is the hill.
    screen_x, screen_y
        Middle of the round screen, fractions of the picture.
    bits
        8 or 16.
    camera_seed
        Given, dead pixels and sensitivities are those of one camera; else of a new one for every pattern.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contrast: Distribution = log_between(0.02, 0.12)
    background_height: Distribution = between(0.7, 1.0)
    background_width: Distribution = between(0.3, 0.6)
    background_x: Distribution = between(0.4, 0.6)
    background_y: Distribution = between(0.35, 0.55)
    gradient_x: Distribution = between(-0.2, 0.2)
    gradient_y: Distribution = between(-0.2, 0.2)
    blur: Distribution = between(0.3, 1.0)
    dose: Distribution = log_between(2000, 20_000)
    frames: Distribution = constant(1)
    read_noise: Distribution = constant(10)
    exposure: Distribution = between(0.5, 0.9)
    saturation: Distribution = constant(1)
    gamma: Distribution = constant(1)
    gain_variation: Distribution = constant(0)
    dead_pixels: Distribution = constant(0)
    occlusion: Distribution = constant(0)
    occlusion_direction: Distribution = between(0, 360)
    screen_radius: Distribution = constant(2)
    overlap: Distribution = constant(0)
    deformation: Distribution = constant(0)
    transfer_low: Distribution = constant(1)
    transfer_middle: Distribution = constant(1)
    transfer_high: Distribution = constant(1)
    stains: Distribution = constant(0)
    smoothing: Distribution = constant(0)
    screen: Distribution = constant(-1)
    screen_x: Distribution = constant(0.5)
    screen_y: Distribution = constant(0.5)
    bits: Literal[8, 16] = 8
    camera_seed: int | None = None

    @model_validator(mode="after")
    def _check(self) -> "Microscope":
        positive = ("background_width", "dose", "frames", "gamma", "saturation", "screen_radius")
        for name in (*positive, "transfer_low", "transfer_middle", "transfer_high"):
            _require_at_least(name, getattr(self, name), 1e-3)
        known = set(range(-1, len(recording.SCREENS)))
        if self.screen.kind not in ("constant", "choice") or not set(self.screen.values) <= known:
            raise ValueError(f"screen takes whole numbers from -1 to {max(known)}, or a choice of them")
        return self

    def draw(self, n: int, rng: np.random.Generator) -> Parameters:
        """Draw the parameters of `n` patterns, one array of shape (n,) for each."""
        names = [name for name in type(self).model_fields if name not in ("bits", "camera_seed")]
        drawn = {name: getattr(self, name).draw(n, rng) for name in names}
        drawn["frames"] = np.maximum(np.rint(drawn["frames"]), 1)
        for name, low, high in _LIMITS:
            drawn[name] = np.clip(drawn[name], low, high)
        return drawn


#: What a normal distribution's tail must not cross.
_LIMITS = (
    ("contrast", 0, np.inf),
    ("background_height", 0, 1),
    ("background_width", 1e-3, np.inf),
    ("blur", 0, np.inf),
    ("dose", 1e-3, np.inf),
    ("read_noise", 0, np.inf),
    ("exposure", 0, np.inf),
    ("saturation", 1e-3, 1),
    ("gamma", 1e-3, np.inf),
    ("dead_pixels", 0, 1),
    ("occlusion", 0, 1),
    ("overlap", 0, 1),
    ("deformation", 0, np.inf),
    ("transfer_low", 1e-3, np.inf),
    ("transfer_middle", 1e-3, np.inf),
    ("transfer_high", 1e-3, np.inf),
    ("stains", 0, 1),
    ("smoothing", 0, np.inf),
)


def _require_at_least(name: str, distribution: Distribution, low: float) -> None:
    """Refuse a distribution whose own numbers reach below `low` (a normal one's mean is what counts)."""
    values = distribution.values[:1] if distribution.kind == "normal" else distribution.values
    if min(values) < low:
        raise ValueError(f"{name} takes numbers of at least {low:g}")


def degrade(
    patterns: np.ndarray,
    microscope: Microscope,
    rng: np.random.Generator,
    *,
    parameters: Parameters | None = None,
) -> tuple[np.ndarray, Parameters]:
    """Record clean patterns as the microscope's camera does.

    Light is ``background * (1 + contrast * signal)``, the signal being the pattern, passed through the transfer
    function, with mean 0 and standard deviation 1. Then come shadow, blur, stains, screen edge, counting noise,
    smoothing and the digitiser. Steps that are off take no random numbers.

    Parameters
    ----------
    patterns
        Shape (n, rows, columns), any scale.
    microscope
        What parameters are drawn from.
    rng
        Where randomness comes from.
    parameters
        Drawn before, as by `Microscope.draw`; drawn here otherwise.

    Returns
    -------
    patterns : numpy.ndarray
        Shape (n, rows, columns), uint8 or uint16.
    parameters : dict of numpy.ndarray
        What was drawn, shape (n,) each.

    Examples
    --------
    >>> clean = np.random.default_rng(1).random((2, 32, 32))
    >>> recorded, drawn = degrade(clean, Microscope(), np.random.default_rng(2))
    >>> recorded.dtype, recorded.shape, drawn["dose"].shape
    (dtype('uint8'), (2, 32, 32), (2,))
    """
    n, *size = patterns.shape
    shape = (size[0], size[1])
    drawn = microscope.draw(n, rng) if parameters is None else parameters
    rate = imaging.standardise(patterns)
    gains = [drawn[name] for name in ("transfer_low", "transfer_middle", "transfer_high")]
    if np.any(np.not_equal(gains, 1)):
        rate = imaging.standardise(recording.transfer(rate, *gains))
    rate *= drawn["contrast"].astype(np.float32)[:, None, None]
    rate += 1
    np.maximum(rate, 0, out=rate)
    light = imaging.background(
        shape,
        drawn["background_height"],
        drawn["background_width"],
        drawn["background_x"],
        drawn["background_y"],
        drawn["gradient_x"],
        drawn["gradient_y"],
    )
    real = np.flatnonzero(drawn["screen"] >= 0)
    if len(real):
        light[real] = recording.screens(shape, drawn["screen"][real], rng.random(len(real)) < 0.5)
    rate *= light
    if np.any(drawn["occlusion"] > 0):
        rate *= imaging.shadow(shape, drawn["occlusion"], drawn["occlusion_direction"])
    rate = imaging.blur(rate, drawn["blur"])
    if np.any(drawn["stains"] > 0):
        stained = recording.stains(shape, n, rng)
        stained *= drawn["stains"].astype(np.float32)[:, None, None]
        stained += 1
        rate *= np.maximum(stained, 0, out=stained)
    camera = rng if microscope.camera_seed is None else np.random.default_rng(microscope.camera_seed)
    fields = n if microscope.camera_seed is None else 1
    if np.any(drawn["gain_variation"] > 0):
        sensitivity = camera.standard_normal((fields, *shape), dtype=np.float32)
        rate *= np.maximum(1 + drawn["gain_variation"].astype(np.float32)[:, None, None] * sensitivity, 0)
    # The phosphor ends where it ends: its edge is sharper than its point spread.
    if np.any(drawn["screen_radius"] < np.sqrt(2) * max(shape) / min(shape)):
        rate *= imaging.screen(shape, drawn["screen_radius"], drawn["screen_x"], drawn["screen_y"])
    counts = imaging.count_electrons(rate, drawn["dose"], drawn["frames"], drawn["read_noise"], rng)
    if np.any(drawn["smoothing"] > 0):
        counts = imaging.blur(counts, drawn["smoothing"])
    full_scale = 2.0**microscope.bits - 1
    gain = drawn["exposure"] / (drawn["dose"] * light.max(axis=(1, 2)))
    levels = imaging.digitise(counts, full_scale, gain, drawn["gamma"], drawn["saturation"])
    if np.any(drawn["dead_pixels"] > 0):
        chance = camera.random((fields, *shape), dtype=np.float32)
        share = drawn["dead_pixels"].astype(np.float32)[:, None, None]
        levels[chance < share] = full_scale
        levels[chance < share / 2] = 0
    return levels.astype(np.uint8 if microscope.bits == 8 else np.uint16), drawn
