"""Hair as a stack of thin shells over the scalp, each holding the strands that reach its height; and long hair round the back."""
import numpy as np

from rendering import parts
from rendering.mesh import smooth, to_triangles
from rendering.paint import AXIS_Z, outline_distance, to_linear
from rendering.raster import noise

# Hairline as (degrees from the front, height): forehead, temple, sideburn, round the ear, nape; then over the top.
HAIRLINE = np.array([(-30, 8.0), (14, 8.0), (28, 7.96), (36, 7.86), (41, 7.7), (46, 7.52), (51, 7.36), (54, 7.16), (57, 7.04), (60.5, 7.06),
                     (60, 7.38), (67, 7.46), (78, 7.42), (83, 7.25), (95, 7.05), (125, 6.75), (181, 6.6), (181, 9.5), (-30, 9.5)])
CUTS = {"short": (0.16, 9), "crop": (0.07, 6), "side": (0.22, 10), "bald": (0.03, 4), "tied": (0.08, 7), "long": (0.14, 8), "bob": (0.14, 8)}


def inside_hairline(place, hair, ragged):
    """How far (decimetres) inside the hairline each rest place (N,3) lies; `ragged` (N,) moves the line in and out."""
    turn = np.degrees(np.abs(np.arctan2(place[:, 0], place[:, 2] - AXIS_Z)))
    line = HAIRLINE.copy()
    front = line[:, 0] < 42
    line[:-2, 1][front[:-2]] += hair["line"] + (0.22 if hair["cut"] == "bald" else 0)
    if hair["cut"] in ("tied", "long", "bob"):
        line[7:9, 1] += 0.15
    if hair["fringe"]:
        line[:4, 1], line[4:6, 0] = 7.66, (38, 45)
        line[3] = (36, 7.62)
    squeeze = np.pi / 180 * 0.95
    return -outline_distance(turn * squeeze, place[:, 1], line * (squeeze, 1)) + ragged


def shells(actor, skin, normals):
    """The stack over the scalp: list of (points, triangles, place, height 0 to 1, depth inside the hairline, normals)."""
    h, hair = actor.head, actor.person.hair
    seed = actor.person.skin["seed"]
    ragged = 0.035 * noise(np.ascontiguousarray(h.rest * 6), seed + 31) + 0.03 * noise(np.ascontiguousarray(h.rest * 20), seed + 34)
    depth = inside_hairline(h.rest, hair, ragged)
    grows = (depth > -0.09) & ~h.ear & (h.rest[:, 1] > 6.3) & ~h.tongue
    triangles = h.triangles[grows[h.triangles].all(1)]
    thick, layers = CUTS[hair["cut"]]
    lumps = 1 + 0.35 * noise(np.ascontiguousarray(h.rest * 2.2), seed + 32) * (0.4 + 0.6 * min(hair["curl"], 1.2))
    crown = 1 + (1.3 if hair["cut"] in ("short", "side") else 0.4) * smooth(7.7, 8.3, h.rest[:, 1])
    tall = thick * lumps * crown * (0.12 + 0.88 * smooth(-0.02, 0.3, depth))
    if hair["fringe"]:
        tall = np.maximum(tall, 0.09 * (depth > -0.05))
    lean = np.array([0.0, -0.35, 0.15]) if hair["cut"] in ("long", "bob", "tied") else np.array([0.0, 0.35, 0.0])
    out = []
    for k in range(layers):
        height = k / max(layers - 1, 1)
        moved = skin + (tall * (0.04 + height))[:, None] * (normals + lean * height)
        out.append((moved, triangles, h.rest, np.full(len(skin), height), depth, normals))
    return out


def curtains(actor, moved):
    """Layers of long hair, each as a shell; the first is the innermost."""
    hair, h = actor.person.hair, actor.head
    if hair["cut"] not in ("long", "bob"):
        return []
    length = 5.3 if hair["cut"] == "long" else 6.35 - 0.15 * hair["curl"]
    scalp = h.used[(h.base[h.used, 1] > 7.0) & (h.base[h.used, 2] < 1.2)]
    out = []
    for k in range(4):
        points, quads, place = parts.curtain(length, np.radians(58 + 3 * (3 - k)), k, hair["curl"])
        points = parts.attach(points, h.base[scalp], moved[scalp])
        edge = np.minimum(place[:, 0] - np.radians(58), 2 * np.pi - np.radians(58) - place[:, 0])
        depth = np.minimum(np.minimum(edge * 0.9 - 0.02, 0.6 * (place[:, 1] - length) - 0.02), 1.6 * (8.2 - place[:, 1]))
        place = np.c_[place[:, 0] * 0.9 + 40, place[:, 1], 0.3 * place[:, 2] + k]
        out.append((points, to_triangles(quads), place, np.full(len(points), 0.2 + 0.8 * k / 3), depth))
    return out


def strand_noise(actor, place, curtain):
    """Strand brightness and reach in [0, 1] at samples: fine across the strand, long along it."""
    if not curtain:
        return np.clip(0.5 + 0.75 * actor.atlas.look(actor.atlas.strands, place), 0, 1)
    curl = actor.person.hair["curl"]
    bend = place[:, 0] + 0.03 * curl * np.sin(place[:, 1] * 9 + 4 * np.sin(place[:, 0] * 3))
    at = np.stack([bend * 55, place[:, 1] * 2.2, place[:, 2] * 3], 1)
    seed = actor.person.skin["seed"] + 33
    return np.clip(0.5 + 0.45 * noise(np.ascontiguousarray(at), seed) + 0.4 * noise(np.ascontiguousarray(at * (0.4, 0.8, 1)), seed + 1), 0, 1)


def hair_colour(actor, strand, height, normals, view, light, sight, key, strength):
    """Radiance of hair samples: darker between and below strands, a broad sheen across them."""
    base = to_linear(actor.person.hair["colour"]) * (0.45 + 0.9 * strand)[:, None]
    up = np.array([0.0, 1.0, 0.0]) - normals * normals[:, 1:2]
    up /= np.linalg.norm(up, axis=1, keepdims=True) + 1e-6
    half = view + key
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    sheen = np.sqrt(np.clip(1 - (up * half).sum(1) ** 2, 0, 1)) ** 40
    glint = 0.10 * sheen * strand * strength * sight
    return base * light * (0.35 + 0.65 * height)[:, None] + glint[:, None] * (0.5 + 0.5 * base / (base.max(1, keepdims=True) + 1e-6))


def coverage(strand, height, depth):
    """Opacity of a shell's sample: thins with height and at the hairline."""
    edge = smooth(-0.045, 0.06, depth)
    return smooth(-0.12, 0.12, strand * (0.35 + 0.75 * edge) - 0.75 * height * (1.1 - 0.35 * edge) + 0.05) * smooth(-0.06, 0.02, depth)
