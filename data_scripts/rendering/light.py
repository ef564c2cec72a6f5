"""Light that reaches each vertex: a studio of soft lights, shadowed by depth maps, blurred under the skin."""
import numpy as np

from rendering.raster import depth_map, seen

MAP, REACH = 192, 1.6                                     # shadow maps: texels, and decimetres from the head's middle


def sphere(count):
    """`count` even directions on the unit sphere (Fibonacci), (count,3)."""
    i = np.arange(count) + 0.5
    y, turn = 1 - 2 * i / count, np.pi * (1 + 5 ** 0.5) * i
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(turn), y, r * np.sin(turn)], 1)


def direction(azimuth, height):
    """Unit vector towards a light: degrees to the picture's right, degrees up."""
    a, h = np.radians([azimuth, height])
    return np.array([np.sin(a) * np.cos(h), np.sin(h), np.cos(a) * np.cos(h)])


def softbox(azimuth, height, spread, count):
    """`count` directions filling a disc of `spread` degrees: an area light."""
    middle = direction(azimuth, height)
    side = np.cross([0, 1, 0], middle)
    side /= np.linalg.norm(side)
    up = np.cross(middle, side)
    i = np.arange(count) + 0.5
    r, turn = np.tan(np.radians(spread)) * np.sqrt(i / count), 2.399963 * i
    out = middle + (r * np.cos(turn))[:, None] * side + (r * np.sin(turn))[:, None] * up
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def studio(scene):
    """The lights of a scene: dict name -> (directions, colour of their sum (3,))."""
    sky = sphere(40)
    bright = 0.5 + 0.45 * np.clip(sky[:, 1], -1, 1) + 0.25 * np.clip(sky[:, 2], 0, 1)
    tint, cool = scene["tint"], 2 - scene["tint"]
    return {"sky": (sky, scene["ambient"] * (0.5 + 0.5 * cool), bright / bright.mean()),
            "key": (softbox(scene["azimuth"], scene["height"], scene["softness"], 10), scene["key"] * tint, None),
            "fill": (softbox(-np.sign(scene["azimuth"]) * 50, 8, 24, 4), scene["fill"] * cool, None),
            "rim": (softbox(-np.sign(scene["azimuth"]) * 140, 30, 12, 2), scene["rim"] * np.ones(3), None)}


def reach(points, normals, blockers, triangles, towards, wrap):
    """Share of light from one direction at each vertex: (V,3) per colour with the wrap of skin, and plain visibility (V,)."""
    side = np.cross([0.01, 1, 0.02], towards)
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(towards, side), towards])
    scale = MAP / (2 * REACH)
    flat = lambda p: np.ascontiguousarray((p - (0, 7.1, 0.4)) @ frame.T * (scale, scale, -1) + (MAP / 2, MAP / 2, 0))
    visible = seen(flat(points + 0.012 * normals), depth_map(flat(blockers), triangles, MAP), 0.022)
    cosine = (normals @ towards)[:, None]
    return np.clip((cosine + wrap) / (1 + wrap), 0, None) * visible[:, None], visible


def bake(points, normals, is_skin, blockers, triangles, scene, blur):
    """Irradiance (V,3) of all lights and visibility (V,) of key and fill; `blur` spreads light under the skin vertices.

    Red light travels farthest in skin, blue hardly at all: so the edge of a shadow is warm.
    """
    wrap = np.where(is_skin[:, None], np.array([0.28, 0.12, 0.07]), 0.02)
    total, visible = np.zeros_like(points), {}
    for name, (directions, colour, weights) in studio(scene).items():
        weights = np.ones(len(directions)) if weights is None else weights
        part, sight = np.zeros_like(points), np.zeros(len(points))
        for towards, weight in zip(directions, weights):
            lit, clear = reach(points, normals, blockers, triangles, towards, wrap)
            part += weight * lit
            sight += clear
        # The sky's cosine lobe averages to a quarter over the sphere; scale so that open skin gets 1.
        total += part / len(directions) * (3.2 if name == "sky" else 1) * colour
        visible[name] = sight / len(directions)
    skin = len(blur[1])
    for channel, rounds in enumerate((3, 1, 0)):
        for _ in range(rounds):
            total[:skin, channel] = blur[0] @ total[:skin, channel]
    return total, visible
