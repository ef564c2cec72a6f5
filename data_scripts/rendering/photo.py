"""One photograph: the parts posed and lit, every sample coloured, hair laid over, and the picture developed."""
import json
from pathlib import Path

import numpy as np

from rendering import hair as hairs
from rendering.light import bake, direction
from rendering.mesh import smooth, vertex_normals
from rendering.paint import to_linear
from rendering.raster import fractal, rasterize
from rendering.scene import EYE, FRAME, LASH, SKIN, TEETH, turn_matrix
from rendering.shade import PIVOT, Samples, align, camera, eye_colour, skin_colour, teeth_colour, unit

POINTS = Path(__file__).with_name("points68.json")
FOLDS = ({"browInnerUp": 0.45, "browOuterUpLeft": 0.3, "browOuterUpRight": 0.3}, {"browDownLeft": 0.5, "browDownRight": 0.5},
         {"mouthSmileLeft": 0.25, "mouthSmileRight": 0.25, "cheekSquintLeft": 0.3, "cheekSquintRight": 0.3, "eyeSquintLeft": 0.2, "eyeSquintRight": 0.2},
         {"noseSneerLeft": 0.5, "noseSneerRight": 0.5})


def landmark_vertices():
    """The 68 base-mesh vertices in iBUG order."""
    return np.array(json.loads(POINTS.read_text())["vertices"])


class Stage:
    """All vertices of one frame in the room (after the head's turn), their normals and light."""

    def __init__(self, actor, units, pose, gaze, rng):
        self.actor, self.scene = actor, actor.person.scene
        turn = turn_matrix(*pose)
        room = lambda p: (p - PIVOT) @ turn.T + PIVOT
        moved = actor.pose(units)
        opaque = actor.parts(moved, gaze, rng)
        points, normals, place, kind, triangles, count = [], [], [], [], [], 0
        for what, p, t, where in opaque:
            p = room(p)
            points.append(p), normals.append(vertex_normals(p, t)), place.append(where)
            kind.append(np.full(len(p), what)), triangles.append(t + count)
            count += len(p)
        self.skin_points = points[0]
        coarse = room(moved[actor.head.used])
        strips = [(p, t) for (what, _, t, _), p in zip(opaque, points) if what == FRAME]
        shells = hairs.shells(actor, self.skin_points, normals[0])
        curtains = [(room(p), t, where, height, depth, vertex_normals(room(p), t)) for p, t, where, height, depth in hairs.curtains(actor, moved)]
        blockers, blocking = [coarse], [actor.head.coarse]
        for p, t in strips + [(c[0], c[1]) for c in curtains[2:3]]:
            blocking.append(t + sum(map(len, blockers)))
            blockers.append(p)
        self.points, self.place, self.kind = np.concatenate(points), np.concatenate(place), np.concatenate(kind)
        self.triangles, normals = np.concatenate(triangles), np.concatenate(normals)
        self.normals = normals
        self.light, self.sight = bake(self.points, normals, self.kind == SKIN, np.concatenate(blockers), np.concatenate(blocking),
                                      self.scene, (actor.head.blur, self.skin_points))
        self.hair = [(s, False) for s in shells] + [(c, True) for c in curtains]
        self.landmarks = self.skin_points[actor.head.index[landmark_vertices()]]


def raster(points, triangles, size, depth):
    """Index and weights of the nearest triangle at each sample, against (and into) `depth`."""
    index, weights = np.full((size, size), -1), np.zeros((size, size, 2))
    rasterize(np.ascontiguousarray(points), triangles, size, size, depth, index, weights)
    return index, weights


def colour_opaque(stage, s, folds):
    """Radiance of all covered samples."""
    actor, scene, h = stage.actor, stage.scene, stage.actor.head
    kind = stage.kind[s.corner[:, 0]]
    place, normals, at = s(stage.place), unit(s(stage.normals)), s(stage.points)
    view = unit(np.array([0, 7.1, scene["distance"] + 1.4]) - at)
    light, sight = s(stage.light), {k: s(v) for k, v in stage.sight.items()}
    key = direction(scene["azimuth"], scene["height"])
    out = np.zeros((len(kind), 3))
    pad = lambda v: np.r_[v, np.zeros(len(stage.points) - len(v))]
    for what, paint in ((SKIN, None), (EYE, eye_colour), (TEETH, teeth_colour)):
        m = kind == what
        part = (place[m], normals[m], view[m], light[m], {k: v[m] for k, v in sight.items()}, scene)
        if what == SKIN:
            hollow, tongue = s(pad(h.hollow))[m], s(pad(h.tongue.astype(float)))[m]
            out[m] = skin_colour(actor, s, part[0], part[1], part[2], key, part[4], scene, folds, hollow, tongue, part[3])
            cloth = (1 - smooth(5.72, 5.74, part[0][:, 1] + 0.12 * np.abs(part[0][:, 0]) + 0.25 * (part[0][:, 2] < 0.2)))[:, None]
            out[m] = out[m] * (1 - cloth) + cloth * np.clip(scene["cloth"], 0.02, 0.8) * part[3]
        elif what == TEETH:
            out[m] = teeth_colour(*part)
        else:
            out[m] = eye_colour(actor, *part)
    lash = kind == LASH
    out[lash] = to_linear(np.minimum(actor.person.hair["colour"] * 0.5, 0.15)) * light[lash]
    frame = kind == FRAME
    if frame.any():
        half = unit(view[frame] + key)
        glint = np.clip((normals[frame] * half).sum(1), 0, 1) ** 60
        out[frame] = to_linear(actor.person.glasses["colour"]) * light[frame] + 0.35 * glint[:, None] * scene["key"]
    return out


def lay_hair(stage, project, size, depth, canvas, alpha):
    """Composites the hair's layers over the canvas (size,size,3), inner to outer; `alpha` grows to what is covered."""
    actor, scene = stage.actor, stage.scene
    n = len(stage.skin_points)
    key = direction(scene["azimuth"], scene["height"])
    for (points, triangles, place, height, inside, facing), curtain in stage.hair:
        index, weights = raster(project(points), triangles, size, depth.copy())
        mask = index >= 0
        if not mask.any():
            continue
        s = Samples(triangles, index, weights, mask)
        normals = unit(s(facing))
        view = unit(np.array([0, 7.1, scene["distance"] + 1.4]) - s(points))
        if curtain:
            light = scene["ambient"] * 0.55 + scene["key"] * np.clip(normals @ key * 0.7 + 0.3, 0, 1)[:, None] * scene["tint"]
            sight = np.clip(normals @ key * 2, 0, 1)
        else:
            light, sight = s(stage.light[:n]), s(stage.sight["key"][:n])
        strand, tall, depth_in = hairs.strand_noise(actor, s(place), curtain), s(height), s(inside)
        cover = hairs.coverage(strand, tall * (0.5 if curtain else 1), depth_in)[:, None]
        colour = hairs.hair_colour(actor, strand, tall, normals, view, light, sight, key, scene["key"])
        canvas[mask] = canvas[mask] * (1 - cover) + colour * cover
        alpha[mask] = 1 - (1 - alpha[mask]) * (1 - cover[:, 0])


def backdrop(scene, size, matrix):
    """The wall behind (size,size,3): a soft gradient with blurred patches, the same place in every frame of a person."""
    y, x = np.mgrid[:size, :size]
    inverse = np.linalg.inv(np.r_[matrix, [[0, 0, 1]]])[:2]
    plane = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], 1) @ inverse.T
    t = 0.5 + 0.35 * plane[:, 1] / 1.2 + 0.3 * fractal(np.c_[plane * 0.7, np.full(len(plane), 0.5)], scene["seed"], 2)
    t = np.clip(t, 0, 1)[:, None]
    return (to_linear(scene["backdrop"]) * (1 - t) + to_linear(scene["backdrop_2"]) * t).reshape(size, size, 3)


def develop(linear, rng):
    """Linear light to an 8-bit photo: soft shoulder, a little grain."""
    bright = np.where(linear > 0.4, 0.4 + 0.6 * (1 - np.exp(-(linear - 0.4) / 0.6)), linear)
    coded = np.where(bright <= 0.0031308, bright * 12.92, 1.055 * np.maximum(bright, 1e-9) ** (1 / 2.4) - 0.055)
    return (np.clip(coded + rng.normal(0, 0.006, linear.shape[:2])[..., None], 0, 1) * 255 + 0.5).astype(np.uint8)


def exposure(actor):
    """Gain that shows this person's resting face well; the same for all of the person's pictures."""
    if not hasattr(actor, "gain"):
        stage, rest = Stage(actor, {}, (0, 0, 0), (0, 0), np.random.default_rng(0)), actor.head.rest
        face = (rest[:, 2] > 1.2) & (rest[:, 1] > 6.4) & (rest[:, 1] < 7.9) & (actor.head.hollow < 0.1)
        dark = np.clip(actor.person.skin["tone"] / 6, 0, 1)
        actor.gain = (0.85 + 0.25 * dark) * actor.person.scene["exposure"] / np.percentile(stage.light[:len(rest)][face].mean(1), 70)
    return actor.gain


def facing(points, triangles, keep):
    """The triangles that show their front to the camera, and those of which `keep` (V,) says that they have two sides."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return triangles[(area < 0) | keep[triangles[:, 0]]]


def photograph(actor, units, pose=(0, 0, 0), gaze=(0, 0), size=144, over=3, rng=None):
    """Aligned photo (size,size,3) uint8 and its exact 68 points (68,2) in it."""
    rng = rng or np.random.default_rng(0)
    stage = Stage(actor, units, pose, gaze, rng)
    scene = stage.scene
    matrix = align(camera(stage.landmarks, scene["distance"])[:, :2], size)
    to_frame = lambda p: p @ matrix[:, :2].T + matrix[:, 2]
    landmarks = to_frame(camera(stage.landmarks, scene["distance"])[:, :2])

    def project(points):
        flat = camera(points, scene["distance"])
        return np.c_[(to_frame(flat[:, :2]) + 0.5) * over - 0.5, flat[:, 2]]
    big = size * over
    depth = np.full((big, big), 1e9)
    seen = project(stage.points)
    triangles = facing(seen, stage.triangles, (stage.kind == LASH) | (stage.kind == FRAME))
    index, weights = raster(seen, triangles, big, depth)
    mask = index >= 0
    folds = [sum(units.get(u, 0) * w for u, w in fold.items()) + 0.12 * actor.person.old for fold in FOLDS]
    wide = np.array([[over, 0, (over - 1) / 2], [0, over, (over - 1) / 2], [0, 0, 1]]) @ np.r_[matrix, [[0, 0, 1]]]
    canvas = backdrop(scene, big, wide[:2])
    gain = exposure(actor)
    alpha = mask.astype(float)
    canvas[mask] = colour_opaque(stage, Samples(triangles, index, weights, mask), folds) * gain
    canvas /= gain
    lay_hair(stage, project, big, depth, canvas, alpha)
    linear = (canvas * gain).reshape(size, over, size, over, 3).mean((1, 3))
    return develop(linear, rng), landmarks
