"""Skin, lips, brows, stubble and wrinkles, painted once a person on a cylinder around the resting head.

Places on the face are given in the base mesh's own coordinates (decimetres), which no identity or expression changes;
so what is painted at the corner of the mouth stays there however the person smiles.
"""
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from rendering.mesh import to_triangles
from rendering.raster import depth_map, fractal, noise

AXIS_Z, TURN, LOW, HIGH = 0.2, 2.4, 5.5, 8.7              # the cylinder's axis, half opening (radians), and height range
LIPS = np.array([(0, 6.699), (0.023, 6.7), (0.053, 6.711), (0.080, 6.719), (0.110, 6.716), (0.145, 6.705), (0.178, 6.692),
                 (0.210, 6.674), (0.234, 6.656), (0.2525, 6.643), (0.2625, 6.632), (0.262, 6.624), (0.25, 6.602), (0.229, 6.584),
                 (0.189, 6.555), (0.129, 6.5454), (0.057, 6.5286), (0, 6.5227)])
BROW = np.array([(0.115, 7.452), (0.23, 7.492), (0.36, 7.515), (0.48, 7.495), (0.585, 7.43)])


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
        at = np.stack([(HIGH - place[:, 1]) / (HIGH - LOW) * (height - 1), (turn / TURN + 1) / 2 * (width - 1)])
        if layer.ndim == 2:
            return map_coordinates(layer, at, order=1, mode="nearest")
        return np.stack([map_coordinates(layer[..., i], at, order=1, mode="nearest") for i in range(layer.shape[2])], 1)


def to_linear(colour):
    """sRGB in [0, 1] to linear light."""
    colour = np.clip(np.asarray(colour, float), 0, 1)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def smooth(low, high, x):
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def outline_distance(x, y, polygon):
    """Signed distance to a polygon (n,2), negative inside."""
    best, inside = np.full(x.shape, 1e9), np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0)):
        t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2 + 1e-12), 0, 1)
        best = np.minimum(best, np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)))
        crosses = ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay + 1e-12) + ax)
        inside ^= crosses
    return np.where(inside, -best, best)


def unroll(points, quads, width):
    """Rest place (H,W,3) of the outermost skin at each texel of the cylinder; the sides' backs are filled by a plain cylinder."""
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
    return np.stack([radius * np.sin(turn), y, AXIS_Z + radius * np.cos(turn)], -1)


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
    ends = smooth(-0.05, 0.1, along) * smooth(1.03, 0.85, along) if False else smooth(-0.06, 0.1, along) * (1 - smooth(0.85, 1.04, along))
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
    """Fixed pattern of folds (H,W): forehead lines, frown lines, crow's feet, nose lines; -1 in a fold, 0 outside."""
    x, y = place[..., 0], place[..., 1]
    flat = place.reshape(-1, 3)
    wobble = noise(np.ascontiguousarray(flat * (2.5, 4, 2.5)), seed).reshape(x.shape)
    fold = lambda phase, sharp: -np.exp(-((phase - np.round(phase)) / sharp) ** 2)
    forehead = fold((y - 7.66 + 0.025 * wobble + 0.05 * x ** 2) / 0.095, 0.16) * smooth(7.56, 7.66, y) * (1 - smooth(7.9, 8.02, y)) * (1 - smooth(0.35, 0.6, np.abs(x)))
    frown = fold((np.abs(x) - 0.045 - 0.012 * wobble) / 0.2, 0.07) * smooth(7.36, 7.44, y) * (1 - smooth(7.5, 7.6, y)) * (np.abs(x) < 0.1)
    cx, cy = np.abs(x) - 0.5, y - 7.27
    feet = fold(np.arctan2(cy, cx) / 0.36 + 0.2 * wobble, 0.2) * smooth(0.02, 0.06, cx) * (1 - smooth(0.12, 0.2, np.hypot(cx, cy)))
    nose = fold((y - 7.2 + 0.6 * (np.abs(x) - 0.08)) / 0.06, 0.25) * bump(place, (0.1, 7.2, 1.45, 0.06))
    return forehead, frown, feet, nose


def slope_of(height, place):
    """Slope of a bump map (H,W) along the turn and along y, per decimetre."""
    step_y = (HIGH - LOW) / (height.shape[0] - 1)
    step_t = 2 * TURN / (height.shape[1] - 1) * np.maximum(np.hypot(place[..., 0], place[..., 2] - AXIS_Z), 0.3)
    return np.stack([np.gradient(height, axis=1) / step_t, -np.gradient(height, axis=0) / step_y], -1)


def paint(person, place):
    """The Atlas of one person; `place` (H,W,3) from unroll."""
    skin, hair, shape = person.skin, person.hair, place.shape[:2]
    flat = np.ascontiguousarray(place.reshape(-1, 3))
    grain = lambda scale, k, octaves=2: fractal(flat * scale, skin["seed"] + k, octaves).reshape(shape)
    polygon = np.concatenate([LIPS, LIPS[-2:0:-1] * (-1, 1)])
    lips = np.where(place[..., 2] > 1.0, outline_distance(place[..., 0], place[..., 1], polygon), 1.0)
    base = to_linear(skin["colour"])
    dark = np.clip(skin["tone"] / 6, 0, 1)
    colour = np.broadcast_to(base, place.shape).copy()
    red = np.clip(bump(place, (0.42, 6.98, 1.15, 0.2)) * 0.8 + bump(place, (0, 6.98, 1.65, 0.12)) * 0.7 + bump(place, (0.88, 7.1, 0.2, 0.2)) * 0.8
                  + bump(place, (0, 6.33, 1.4, 0.14)) * 0.35 + 0.25 * grain(3, 1, 3), 0, 1.2) * skin["blush"] * (1 - 0.6 * dark)
    colour *= 1 + red[..., None] * np.array([0.05, -0.2, -0.17])
    socket = bump(place, (0.3, 7.2, 1.3, 0.13)) * 0.5 + bump(place, (0.17, 7.25, 1.3, 0.07)) * 0.5
    colour *= 1 - np.clip(socket, 0, 1)[..., None] * np.array([0.12, 0.22, 0.16]) * (0.7 + 0.6 * person.old)
    colour *= (1 + 0.05 * grain(4, 2, 3) + 0.05 * skin["rough"] * grain(22, 3, 2) + 0.045 * skin["rough"] * grain(80, 4, 1))[..., None]
    if skin["freckles"]:
        spots = smooth(0.42, 0.6, grain(26, 5, 1)) * np.clip(bump(place, (0.3, 7.02, 1.3, 0.22), (0, 7.1, 1.6, 0.15)) + 0.15, 0, 1)
        colour *= 1 - spots[..., None] * skin["freckles"] * np.array([0.3, 0.45, 0.55])
    rng = np.random.default_rng(skin["seed"])
    for _ in range(skin["moles"]):
        spot = (rng.uniform(-0.6, 0.6), rng.uniform(6.3, 7.8))
        d = np.hypot(place[..., 0] - spot[0], place[..., 1] - spot[1]) + 9 * (place[..., 2] < 0.6)
        colour *= 1 - (1 - smooth(0.008, 0.016, d))[..., None] * np.array([0.5, 0.6, 0.65])
    beard = beard_mask(place, lips) * skin["beard"]
    if skin["beard"]:
        dots = np.clip(0.5 + 0.9 * grain((75, 30, 75), 6, 1), 0, 1)
        solid = beard * (0.35 + 0.5 * skin["beard"] ** 2) * (0.55 + 0.45 * dots if skin["beard"] < 1 else 0.45 + 0.55 * dots)
        colour = colour * (1 - solid[..., None]) + solid[..., None] * (0.6 * to_linear(hair["colour"] * 0.8) + 0.12 * base)
    lip = (1 - smooth(-0.018, 0.01, lips)) * skin["lip"]
    lip_colour = base * np.array([0.86, 0.5, 0.5]) * (1 + skin["lip_hue"] * np.array([0.03, -0.06, 0.04])) if dark < 0.55 else base * np.array([0.86, 0.62, 0.66])
    colour = colour * (1 - lip[..., None]) + lip[..., None] * lip_colour * (1 + 0.12 * grain((60, 8, 20), 7, 1))[..., None]
    lift = 0.0009 * skin["rough"] * grain(60, 8, 2) + 0.0025 * beard * np.clip(grain((80, 40, 80), 9, 1), 0, 1) + 0.002 * lip * grain((55, 6, 20), 10, 1)
    for side in (1, -1):
        density, along, across = brow_map(place, hair, side)
        hairs = np.clip(0.62 + 1.3 * noise(np.ascontiguousarray(np.stack([along * 42 + across * 3.2, across * 2.2 - along * 5, np.full(shape, side * 7.0)], -1).reshape(-1, 3)), skin["seed"] + 11).reshape(shape), 0, 1)
        cover = np.clip(density * (0.35 + 0.75 * hairs) * hair["brow_dense"] * 1.25, 0, 0.96)
        colour = colour * (1 - cover[..., None]) + cover[..., None] * to_linear(np.minimum(hair["colour"] * 0.75, 0.42))
        lift += 0.004 * cover * hairs
    gloss = (0.45 + 0.5 * bump(place, (0, 7.7, 1.3, 0.3)) + 0.6 * bump(place, (0, 7.05, 1.6, 0.13)) + 0.25 * bump(place, (0.42, 7.05, 1.15, 0.15))
             + 0.9 * lip) * skin["gloss"] * (1 - 0.7 * np.clip(beard, 0, 1)) * (1 + 0.35 * grain(70, 12, 1))
    folds = wrinkle_height(place, skin["seed"])
    wrinkle = np.concatenate([np.stack([f for f in folds], -1)] + [slope_of(gaussian_filter(f, 0.7) * 0.012, place) for f in folds], -1)
    strands = 0.6 * grain((85, 5, 85), 13, 1) + 0.4 * grain((38, 3, 38), 14, 1)
    f32 = lambda a: np.asarray(a, np.float32)
    return Atlas(f32(np.clip(colour, 0.002, 1)), f32(slope_of(lift, place)), f32(np.clip(gloss, 0, 3)), f32(wrinkle), f32(strands))
