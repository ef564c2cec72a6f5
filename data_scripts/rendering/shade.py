"""Pixels: camera, aligned frame, and the colour of every sample."""
import numpy as np

from rendering.light import direction
from rendering.mesh import smooth
from rendering.paint import to_linear
from rendering.raster import fractal, interpolate

PIVOT = np.array([0, 6.9, 0.2])
FLESH = to_linear([0.52, 0.2, 0.19])


def camera(points, distance):
    """Perspective: (V,3) head coordinates to picture plane x right, y down, and distance from the eye."""
    away = distance + 1.4 - points[:, 2]
    return np.stack([points[:, 0] / away * distance, -(points[:, 1] - 7.1) / away * distance, away], 1)


def align(landmarks, size):
    """The similarity (2,3) that puts the eyes of `landmarks` (68,2) where the aligned frame of `size` px has them."""
    right, left = landmarks[[36, 39]].mean(0), landmarks[[42, 45]].mean(0)
    goal = np.array([[size / 2 - 0.5 - 0.15 * size, 0.35 * size - 0.5], [size / 2 - 0.5 + 0.15 * size, 0.35 * size - 0.5]])
    a, b = complex(*(left - right)), complex(*(goal[1] - goal[0]))
    k = b / a
    turn = np.array([[k.real, -k.imag], [k.imag, k.real]])
    return np.c_[turn, goal[0] - turn @ right]


class Samples:
    """What each covered sample shows: kind, part and values interpolated over its triangle."""

    def __init__(self, triangles, index, weights, mask):
        self.corner, self.weights = triangles[index[mask]], weights[mask]

    def __call__(self, values):
        """`values` (V,) or (V,n) at the samples."""
        out = interpolate(values.reshape(len(values), -1), self.corner, self.weights)
        return out[:, 0] if values.ndim == 1 else out


def unit(v):
    """Rows scaled to length 1."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def shine(normals, view, light, power):
    """Blinn-Phong highlight with Schlick's Fresnel term, energy roughly kept as `power` changes."""
    half = unit(view + light)
    cosine = np.clip((normals * half).sum(-1), 0, 1)
    fresnel = 0.04 + 0.96 * (1 - np.clip((view * half).sum(-1), 0, 1)) ** 5
    return (power + 8) / 25 * cosine ** power * fresnel


def skin_colour(actor, s, place, normals, view, key, sight, scene, folds, hollow, tongue, light):
    """Radiance of skin samples."""
    atlas = actor.atlas
    albedo = atlas.look(atlas.colour, place).astype(float)
    wrinkle = atlas.look(atlas.wrinkle, place)
    fold = np.asarray(folds) * actor.person.skin["wrinkles"]
    depth = np.clip(-(wrinkle[:, :4] * fold).sum(1), 0, 1)
    slope = atlas.look(atlas.slope, place) + (wrinkle[:, 4:].reshape(-1, 4, 2) * fold[:, None]).sum(1)
    slope = np.clip(slope, -0.8, 0.8) * (1 - hollow)[:, None]
    across = unit(np.cross([0, 1, 0], normals))
    bumped = unit(normals - across * slope[:, :1] - np.cross(normals, across) * slope[:, 1:])
    fill = direction(-np.sign(scene["azimuth"]) * 50, 8)
    relief = scene["key"] * sight["key"] * (np.clip(bumped @ key, 0, 1) - np.clip(normals @ key, 0, 1)) + 0.35 * (bumped - normals)[:, 1] * scene["ambient"]
    albedo = albedo * (1 - 0.35 * depth)[:, None]
    mouth = np.maximum(hollow, tongue)[:, None]
    albedo = albedo * (1 - mouth) + mouth * FLESH
    out = albedo * np.clip(light + relief[:, None], 0.01, None) * (1 - 0.55 * hollow[:, None])
    gloss = atlas.look(atlas.gloss, place) * (1 - hollow)
    wet = np.clip(tongue, 0, 1)
    for towards, strength in ((key, scene["key"] * sight["key"]), (fill, scene["fill"] * sight["fill"])):
        facing = np.clip((bumped @ towards) * 4, 0, 1)
        broad, tight = shine(bumped, view, towards, 14), shine(bumped, view, towards, 60)
        out += ((0.22 * broad + 0.16 * tight) * (gloss + wet) * strength * facing)[:, None]
    edge = (1 - np.clip((bumped * view).sum(1), 0, 1)) ** 4
    return out + (0.05 * edge * scene["ambient"] * sight["sky"])[:, None]


def eye_colour(actor, place, normals, view, light, sight, scene):
    """Radiance of eyeball samples: white, limbus, iris with fibres, pupil, wet highlight."""
    eyes = actor.person.eyes
    away, turn, side = np.degrees(place[:, 0]), place[:, 1], np.sign(place[:, 2])
    ring = np.stack([np.cos(turn) * 5, np.sin(turn) * 5, away * 0.05 + side * 9], 1)
    fibre = fractal(np.ascontiguousarray(ring * (2.2, 2.2, 1)), eyes["seed"], 3)
    veins = smooth(0.25, 0.7, fractal(np.ascontiguousarray(ring * (1.2, 1.2, 3)), eyes["seed"] + 5, 3))
    white = np.array([0.68, 0.63, 0.6]) * (1 - np.array([0.05, 0.2, 0.2]) * (veins * smooth(30, 55, away))[:, None])
    white = white * (1 - np.array([0.05, 0.16, 0.16]) * smooth(38, 62, away)[:, None])
    iris = to_linear(eyes["iris"]) * (1.05 + 0.5 * fibre + 0.35 * (1 - smooth(10, 17, away)))[:, None]
    iris = iris * (1 - 0.8 * smooth(17.5, 23, away))[:, None]
    edge = smooth(21.5, 24.5, away)[:, None]
    colour = np.clip(iris, 0.004, 1) * (1 - edge) + white * edge
    pupil = (1 - smooth(23 * eyes["pupil"] - 1, 23 * eyes["pupil"] + 1, away))[:, None]
    colour = colour * (1 - pupil) + 0.004 * pupil
    out = colour * light * (1 - 0.6 * smooth(-0.05, 0.45, normals[:, 1]))[:, None]      # the upper lid's shade
    for azimuth, height, strength, name in ((scene["azimuth"], scene["height"], scene["key"], "key"), (-np.sign(scene["azimuth"]) * 50, 8, scene["fill"], "fill")):
        towards = direction(azimuth, height)
        out += (0.9 * shine(normals, view, towards, 350) * strength * np.clip(sight[name], 0.15, 1) + 0.04 * shine(normals, view, towards, 20) * strength * sight[name])[:, None]
    return out


def teeth_colour(place, normals, view, light, sight, scene):
    """Radiance of tooth samples: enamel, gums above, dark gaps."""
    height, inside = place[:, 1], place[:, 2]
    enamel = np.array([0.75, 0.69, 0.59]) * (1 - 0.1 * np.clip(np.abs(place[:, 0]) / 5, 0, 1))[:, None]
    enamel = enamel * (1 - 0.5 * smooth(0.86, 1.0, inside))[:, None]
    scallop = 0.0 + 0.16 * inside ** 2
    gum = (1 - smooth(scallop - 0.02, scallop + 0.05, height))[:, None]
    colour = enamel * (1 - gum) + gum * to_linear([0.72, 0.38, 0.36])
    far = np.clip(1.25 - 0.17 * np.abs(place[:, 0]), 0.25, 1)[:, None]
    towards = direction(scene["azimuth"], scene["height"])
    # Teeth stand in the shade of the lips; they are wet and pale, and still catch light from all around.
    light = light + 0.3 * scene["ambient"] + 0.12 * scene["key"]
    return colour * light * far + (0.5 * shine(normals, view, towards, 60) * scene["key"] * sight["key"])[:, None]
