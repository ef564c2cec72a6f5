"""Skin, lips, brows, stubble and wrinkles, painted once a person on a cylinder around the resting head.

Places on the face are given in the base mesh's own coordinates (decimetres), which no identity or expression changes;
so what is painted at the corner of the mouth stays there however the person smiles.
"""
import functools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from rendering.mesh import head, smooth, to_triangles
from rendering.raster import depth_map, fractal, lookup, noise

AXIS_Z, TURN, LOW, HIGH = 0.2, 2.4, 5.5, 8.7              # the cylinder's axis, half opening (radians), and height range
LIPS = np.array([(0, 6.699), (0.023, 6.7), (0.053, 6.711), (0.080, 6.719), (0.110, 6.716), (0.145, 6.705), (0.178, 6.692),
                 (0.210, 6.674), (0.234, 6.656), (0.2525, 6.643), (0.2625, 6.632), (0.262, 6.624), (0.25, 6.602), (0.229, 6.584),
                 (0.189, 6.555), (0.129, 6.5454), (0.057, 6.5286), (0, 6.5227)])
BROW = np.array([(0.115, 7.452), (0.23, 7.492), (0.36, 7.515), (0.48, 7.495), (0.585, 7.43)])
EYE = np.array([(0.166, 7.268), (0.2, 7.294), (0.234, 7.310), (0.272, 7.324), (0.310, 7.332), (0.348, 7.331), (0.382, 7.325), (0.409, 7.316),
                (0.427, 7.308), (0.444, 7.284), (0.431, 7.274), (0.403, 7.258), (0.3825, 7.248), (0.350, 7.2415), (0.310, 7.240),
                (0.2755, 7.2435), (0.242, 7.2495), (0.212, 7.2575)])


@dataclass
class Atlas:
    """Per-person paint on the cylinder: colour (H,W,3) linear, slope of bumps (H,W,2), gloss, wrinkle slopes and strands."""
    colour: np.ndarray
    slope: np.ndarray
    gloss: np.ndarray
    wrinkle: np.ndarray
    strands: np.ndarray

    def look(self, layer, place):
        """`layer` read at rest places (N,3), bilinear."""
        height, width = layer.shape[:2]
        turn = np.arctan2(place[:, 0], place[:, 2] - AXIS_Z)
        rows, columns = (HIGH - place[:, 1]) / (HIGH - LOW) * (height - 1), (turn / TURN + 1) / 2 * (width - 1)
        values = lookup(layer.reshape(height, width, -1), rows, columns)
        return values[:, 0] if layer.ndim == 2 else values


def to_linear(colour):
    """sRGB in [0, 1] to linear light."""
    colour = np.clip(np.asarray(colour, float), 0, 1)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def outline_distance(x, y, polygon):
    """Signed distance to a polygon (n,2) at places x, y of one shape, negative inside."""
    best, inside = np.full(x.shape, 1e9), np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0)):
        t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2 + 1e-12), 0, 1)
        best = np.minimum(best, np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)))
        crosses = ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay + 1e-12) + ax)
        inside ^= crosses
    return np.where(inside, -best, best)


@functools.cache
def unrolled(width):
    """Rest place (H,W,3) float32 of the outermost skin at each texel of the cylinder; holes are filled by a plain cylinder."""
    points, quads = head().rest, head().skin_quads
    height = int(width * 0.66)
    turn = np.arctan2(points[:, 0], points[:, 2] - AXIS_Z)
    radius = np.hypot(points[:, 0], points[:, 2] - AXIS_Z)
    triangles = to_triangles(quads)
    triangles = triangles[np.ptp(turn[triangles], axis=1) < 1]
    flat = np.stack([(turn / TURN + 1) / 2 * (width - 1), (HIGH - points[:, 1]) / (HIGH - LOW) * (height - 1)], 1)
    # A square map of the larger side holds the radius; its negative makes the outermost skin the nearest.
    depth = depth_map(np.ascontiguousarray(np.c_[flat, -radius]), triangles, max(width, height))[:height, :width]
    radius = np.where(depth > 1e8, 0.8, -depth)
    turn, y = np.meshgrid(np.linspace(-TURN, TURN, width), np.linspace(HIGH, LOW, height))
    return np.stack([radius * np.sin(turn), y, AXIS_Z + radius * np.cos(turn)], -1).astype(np.float32)


def bump(place, *centre_and_size):
    """Gaussian spots: (x, y, z, size) each, mirrored to both sides where x is not 0."""
    total = 0
    for x, y, z, size in centre_and_size:
        for side in (1, -1) if x else (1,):
            total = total + np.exp(-(((place - (side * x, y, z)) / size) ** 2).sum(-1) / 2)
    return total


def brow_map(place, hair, side):
    """How dense the brow on one side is, and the direction its hairs lie in (along the brow), (H,W) each."""
    x, y = place[..., 0] * side, place[..., 1]
    along = np.clip((x - BROW[0, 0]) / (BROW[-1, 0] - BROW[0, 0]) / hair["brow_long"], -0.2, 1.3)
    middle = np.interp(x, BROW[:, 0], BROW[:, 1]) + 0.05 * hair["brow_arch"] * np.sin(np.pi * np.clip(along, 0, 1) ** 1.3)
    half = 0.042 * hair["brow_thick"] * np.interp(along, [-0.05, 0.12, 0.5, 1.02], [0.75, 1.0, 0.85, 0.15])
    across = (y - middle) / np.maximum(half, 1e-3)
    ends = smooth(-0.06, 0.1, along) * (1 - smooth(0.85, 1.04, along))
    front = place[..., 2] > 0.7
    return np.exp(-np.abs(across) ** 2.6) * ends * front, along, across


def beard_mask(place, lips):
    """Where a beard grows: chin, jaw and upper lip, not the lips."""
    x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]
    top = np.interp(x, [0, 0.12, 0.3, 0.42, 0.6, 0.75, 0.9], [6.83, 6.86, 6.72, 6.6, 6.72, 7.1, 7.25])
    cheek = 1 - smooth(-0.06, 0.06, y - top)
    neck = smooth(5.95, 6.15, y)
    below_nose = 1 - bump(place, (0, 6.87, 1.5, 0.03))
    return np.clip(cheek * neck * smooth(0.004, 0.02, lips) * below_nose, 0, 1) * smooth(0.15, 0.35, z)


def wrinkle_height(place, seed):
    """Fixed pattern of folds, four of (H,W): forehead lines, frown lines, crow's feet, nose lines; -1 in a fold, 0 outside."""
    x, y = place[..., 0], place[..., 1]
    flat = place.reshape(-1, 3)
    wobble = noise(np.ascontiguousarray(flat * np.float32([2.5, 4, 2.5])), seed).reshape(x.shape)
    broken = 0.55 + 0.45 * noise(np.ascontiguousarray(flat * np.float32([4, 9, 4])), seed + 1).reshape(x.shape)
    fold = lambda phase, sharp: -np.exp(-((phase - np.round(phase)) / sharp) ** 2) * broken
    forehead = fold((y - 7.66 + 0.05 * wobble + 0.06 * x ** 2) / 0.1, 0.2) * smooth(7.56, 7.68, y) * (1 - smooth(7.85, 8.0, y)) * (1 - smooth(0.3, 0.6, np.abs(x)))
    frown = fold((np.abs(x) - 0.045 - 0.015 * wobble) / 0.2, 0.08) * smooth(7.36, 7.44, y) * (1 - smooth(7.5, 7.6, y)) * (np.abs(x) < 0.1)
    cx, cy = np.abs(x) - 0.5, y - 7.27
    feet = fold(np.arctan2(cy, cx) / 0.4 + 0.3 * wobble, 0.22) * smooth(0.0, 0.05, cx) * (1 - smooth(0.08, 0.18, np.hypot(cx, cy)))
    nose = fold((y - 7.2 + 0.6 * (np.abs(x) - 0.08)) / 0.06, 0.25) * bump(place, (0.1, 7.2, 1.45, 0.06))
    return forehead, frown, feet, nose


def slope_of(height, place):
    """Slope of a bump map (H,W) along the turn and along y, per decimetre."""
    step_y = (HIGH - LOW) / (height.shape[0] - 1)
    step_t = 2 * TURN / (height.shape[1] - 1) * np.maximum(np.hypot(place[..., 0], place[..., 2] - AXIS_Z), 0.3)
    return np.stack([np.gradient(height, axis=1) / step_t, -np.gradient(height, axis=0) / step_y], -1)


@functools.cache
def regions(width):
    """What is the same on every face, on the paint cylinder: masks (H,W) float32 by name, from the rest places."""
    place = unrolled(width)
    polygon = np.concatenate([LIPS, LIPS[-2:0:-1] * (-1, 1)])
    lips = np.ones(place.shape[:2], np.float32)
    near = (np.abs(place[..., 0]) < 0.4) & (np.abs(place[..., 1] - 6.6) < 0.3) & (place[..., 2] > 1.0)
    lips[near] = outline_distance(place[near][:, 0], place[near][:, 1], polygon)
    lids = np.ones(place.shape[:2], np.float32)
    near = (np.abs(np.abs(place[..., 0]) - 0.3) < 0.25) & (np.abs(place[..., 1] - 7.29) < 0.15) & (place[..., 2] > 0.9)
    lids[near] = np.abs(outline_distance(np.abs(place[near][:, 0]), place[near][:, 1], EYE))
    upper = np.where(place[..., 1] > 7.28, 1.0, 0.35)
    return {name: np.asarray(mask, np.float32) for name, mask in {
        "lips": lips, "beard": beard_mask(place, lips), "freckled": np.clip(bump(place, (0.3, 7.02, 1.3, 0.22), (0, 7.1, 1.6, 0.15)) + 0.15, 0, 1),
        "red": 0.8 * bump(place, (0.42, 6.98, 1.15, 0.2)) + 0.7 * bump(place, (0, 6.98, 1.65, 0.12)) + 0.8 * bump(place, (0.8, 7.1, 0.45, 0.2))
        + 0.35 * bump(place, (0, 6.33, 1.4, 0.14)),
        "socket": np.clip(0.5 * bump(place, (0.3, 7.2, 1.3, 0.13)) + 0.5 * bump(place, (0.17, 7.25, 1.3, 0.07)), 0, 1),
        "lid_line": (1 - smooth(0.004, 0.02, lids)) * upper,
        "oily": 0.5 * bump(place, (0, 7.7, 1.3, 0.3)) + 0.6 * bump(place, (0, 7.05, 1.6, 0.13)) + 0.25 * bump(place, (0.42, 7.05, 1.15, 0.15))}.items()}


def blend(colour, share, other):
    """`colour` (H,W,3) with `share` (H,W) of `other` over it."""
    return colour + share[..., None] * (np.asarray(other, np.float32) - colour)


def paint(person, width):
    """The Atlas of one person on a cylinder of `width` texels."""
    skin, hair, place, region = person.skin, person.hair, unrolled(width), regions(width)
    shape = place.shape[:2]
    flat = np.ascontiguousarray(place.reshape(-1, 3))
    grain = lambda scale, k, octaves=2: fractal(flat * np.float32(scale), skin["seed"] + k, octaves).reshape(shape)
    f32 = lambda *v: np.array(v, np.float32)
    base, dark = to_linear(skin["colour"]).astype(np.float32), np.clip(skin["tone"] / 6, 0, 1)
    red = np.clip(region["red"] + 0.25 * grain(3, 1, 3), 0, 1.2) * skin["blush"] * (1 - 0.6 * dark)
    colour = base * (1 + red[..., None] * f32(0.05, -0.24, -0.2))
    colour *= 1 - region["socket"][..., None] * f32(0.14, 0.24, 0.18) * (0.7 + 0.6 * person.old)
    colour *= (1 + 0.05 * grain(4, 2, 3) + 0.05 * skin["rough"] * grain(22, 3, 2) + 0.045 * skin["rough"] * grain(80, 4, 1))[..., None]
    colour *= 1 - region["lid_line"][..., None] * 0.75 * min(hair["lashes"], 1.2)          # where the lashes' roots stand
    if skin["freckles"]:
        colour *= 1 - (smooth(0.38, 0.62, grain(42, 5, 1)) * region["freckled"])[..., None] * skin["freckles"] * f32(0.3, 0.45, 0.55)
    colour = moles(colour, place, skin)
    beard = region["beard"] * skin["beard"]
    if skin["beard"]:
        dots = np.clip(0.5 + 0.9 * grain((75, 30, 75), 6, 1), 0, 1)
        solid = beard * (0.35 + 0.5 * skin["beard"] ** 2) * (0.55 + 0.45 * dots)
        colour = blend(colour, solid, 0.6 * to_linear(hair["colour"] * 0.8) + 0.12 * base)
    lip = (1 - smooth(-0.02, 0.012, region["lips"])) * skin["lip"]
    warm = f32(0.8, 0.34, 0.37) * (1 + skin["lip_hue"] * f32(0.03, -0.06, 0.04)) if dark < 0.55 else f32(0.8, 0.48, 0.54)
    colour = blend(colour, lip, base * warm * (1 + 0.12 * grain((60, 8, 20), 7, 1))[..., None])
    lift = 0.0009 * skin["rough"] * grain(60, 8, 2) + 0.0025 * beard * np.clip(grain((80, 40, 80), 9, 1), 0, 1) + 0.002 * lip * grain((55, 6, 20), 10, 1)
    colour, lift = brows(colour, lift, place, person)
    gloss = (0.45 + region["oily"] + 0.9 * lip) * skin["gloss"] * (1 - 0.7 * np.clip(beard, 0, 1)) * (1 + 0.35 * grain(70, 12, 1))
    folds = wrinkle_height(place, skin["seed"])
    wrinkle = np.concatenate([np.stack(folds, -1)] + [slope_of(gaussian_filter(f, 0.9) * 0.008, place) for f in folds], -1)
    strands = 0.6 * grain((85, 5, 85), 13, 1) + 0.4 * grain((38, 3, 38), 14, 1)
    single = lambda a: np.asarray(a, np.float32)
    return Atlas(single(np.clip(colour, 0.002, 1)), single(slope_of(lift, place)), single(np.clip(gloss, 0, 3)), single(wrinkle), single(strands))


def moles(colour, place, skin):
    """A few brown spots, at the same places on the same person."""
    rng = np.random.default_rng(skin["seed"])
    for _ in range(skin["moles"]):
        x, y = rng.uniform(-0.6, 0.6), rng.uniform(6.3, 7.8)
        d = np.hypot(place[..., 0] - x, place[..., 1] - y) + 9 * (place[..., 2] < 0.6)
        colour = colour * (1 - (1 - smooth(0.006, 0.013, d))[..., None] * np.float32([0.4, 0.5, 0.55]))
    return colour


def brows(colour, lift, place, person):
    """Brow hairs, side by side along the brow and leaning outwards."""
    hair, tint = person.hair, to_linear(np.minimum(person.hair["colour"] * (0.72, 0.66, 0.62), 0.36))
    for side in (1, -1):
        density, along, across = brow_map(place, hair, side)
        where = density > 0.01
        a, c = along[where], across[where]
        at = np.stack([a * 36 + c * 3.2, c * 1.6 - a * 4, np.full(a.shape, side * 7.0)], -1)
        hairs = np.clip(0.6 + 0.85 * noise(np.ascontiguousarray(at), person.skin["seed"] + 11), 0, 1)
        cover = np.zeros_like(density)
        cover[where] = np.clip(density[where] * (0.5 + 0.5 * hairs) * hair["brow_dense"], 0, 0.94)
        colour, lift = blend(colour, cover, tint), lift + 0.003 * cover
    return colour, lift
