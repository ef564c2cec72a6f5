"""Light that reaches each vertex: a studio of soft lights, shadowed by depth maps, blurred under the skin."""
import numpy as np

from rendering.raster import add_light, depth_map

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
    sky = sphere(32)
    bright = 0.5 + 0.45 * np.clip(sky[:, 1], -1, 1) + 0.25 * np.clip(sky[:, 2], 0, 1)
    tint, cool = scene["tint"], 2 - scene["tint"]
    return {"sky": (sky, scene["ambient"] * (0.5 + 0.5 * cool), bright / bright.mean()),
            "key": (softbox(scene["azimuth"], scene["height"], scene["softness"], 8), scene["key"] * tint, None),
            "fill": (softbox(-np.sign(scene["azimuth"]) * 50, 8, 24, 3), scene["fill"] * cool, None),
            "rim": (softbox(-np.sign(scene["azimuth"]) * 140, 30, 12, 2), scene["rim"] * np.ones(3), None)}


def view_from(towards):
    """Axes (3,3) of the picture a light sees: across, up, and towards the light."""
    side = np.cross([0.01, 1, 0.02], towards)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(towards, side), towards])


def flatten(points, axes):
    """Vertices (V,3) in the pixels of a light's depth map, depth growing away from the light."""
    scale = MAP / (2 * REACH)
    return (points - (0, 7.1, 0.4)) @ (axes * [[scale], [scale], [-1]]).T + (MAP / 2, MAP / 2, 0)


def bake(points, normals, is_skin, blockers, triangles, scene, blur):
    """Irradiance (V,3) of all lights and visibility (V,) of key and fill; `blur` spreads light under the skin vertices.

    Red light travels farthest in skin, blue hardly at all: so the edge of a shadow is warm.
    """
    wrap = np.where(is_skin[:, None], np.array([0.28, 0.12, 0.07]), 0.02)
    total, visible, raised = np.zeros_like(points), {}, points + 0.012 * normals
    for name, (directions, colour, weights) in studio(scene).items():
        weights = np.ones(len(directions)) if weights is None else weights
        part, sight = np.zeros_like(points), np.zeros(len(points))
        for towards, weight in zip(directions, weights):
            axes = view_from(towards)
            depth = depth_map(flatten(blockers, axes), triangles, MAP) + np.float32(0.022)
            add_light(points, normals, flatten(raised, axes), depth, towards, wrap, weight, part, sight)
        # The sky's cosine lobe averages to a quarter over the sphere; scale so that open skin gets 1.
        total += part / len(directions) * (3.2 if name == "sky" else 1) * colour
        visible[name] = sight / len(directions)
    skin = len(blur[1])
    for channel, rounds in enumerate((3, 1, 0)):
        for _ in range(rounds):
            total[:skin, channel] = blur[0] @ total[:skin, channel]
    return total, visible
