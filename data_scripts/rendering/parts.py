"""What the base mesh leaves out or has only as a placeholder: eyeballs, teeth, lashes, glasses, long hair."""
import numpy as np

from rendering.mesh import GROUPS


def attach(points, rest, now):
    """Moves `points` (N,3) by the affine map that best takes the points `rest` to `now`: how parts follow the head."""
    full = np.linalg.lstsq(np.c_[rest, np.ones(len(rest))], now, rcond=None)[0]
    return np.c_[points, np.ones(len(points))] @ full


def grid(rows, columns, closed=False):
    """Quads of a rows x columns grid of vertices; `closed` joins the last column to the first."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    k = (j + 1) % columns
    return np.stack([i * columns + j, i * columns + k, (i + 1) * columns + k, (i + 1) * columns + j], -1).reshape(-1, 4)


def eyeball(side, gaze):
    """A sphere looking along `gaze` (degrees to the person's left, degrees up): points, quads, angle from the pupil."""
    centre, radius = np.array([side * 0.30777, 7.28414, 1.24535]), 0.1497
    away = np.radians(np.r_[0, 4, 8, 12, 16, 20, 22, 24, 26, 28, 32, 37, 43, 50, 57, 64, 72, 80, 90, 105, 125])
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    a, t = np.meshgrid(away, turn, indexing="ij")
    unit = np.stack([np.sin(a) * np.cos(t), np.sin(a) * np.sin(t), np.cos(a)], -1).reshape(-1, 3)
    yaw, pitch = np.radians(gaze)
    around_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    around_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    eye_place = np.stack([a.ravel(), t.ravel(), np.full(a.size, side * 3.0)], 1)
    return centre + radius * unit @ (around_y @ around_x).T, grid(len(away), 40, closed=True)[:, ::-1], eye_place


ARCH = np.array([(-0.31, 1.00), (-0.30, 1.12), (-0.282, 1.21), (-0.252, 1.30), (-0.214, 1.375), (-0.165, 1.44), (-0.085, 1.488),
                 (0, 1.502), (0.085, 1.488), (0.165, 1.44), (0.214, 1.375), (0.252, 1.30), (0.282, 1.21), (0.30, 1.12), (0.31, 1.00)])
WIDTHS = {"teeth_upper": np.array([0.085, 0.066, 0.075, 0.07, 0.07, 0.095, 0.09]), "teeth_lower": np.array([0.054, 0.058, 0.066, 0.068, 0.07, 0.1, 0.09])}


def teeth(which):
    """A row of 14 teeth along the dental arch: points, quads, (place along in teeth, height 0 gum to 1 edge, 0)."""
    step = np.linspace(-1, 1, 14 * 8 + 1)
    edges = np.cumsum(np.r_[0, WIDTHS[which]])
    count = np.interp(np.abs(step) * edges[-1], edges, np.arange(8.0)) * np.sign(step)
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(ARCH, axis=0).T))] - np.hypot(*np.diff(ARCH, axis=0).T).sum() / 2
    along = step * edges[-1]
    x, z = np.interp(along, length, ARCH[:, 0]), np.interp(along, length, ARCH[:, 1])
    upper = which == "teeth_upper"
    gum, edge, forward = (6.80, 6.612, -0.006) if upper else (6.44, 6.61, -0.05)
    inside = np.abs(count - np.floor(count) - 0.5) * 2                       # 0 mid-tooth, 1 at a gap
    rows = np.linspace(-0.4, 1, 10)
    rows = np.r_[rows, 1.0, 0.7]
    back = np.r_[np.zeros(10), 0.05, 0.06]
    normal = np.stack([-np.gradient(z), np.gradient(x)], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    points, place = [], []
    for t, b in zip(rows, back):
        bulge = 0.012 * (1 - inside ** 2) * np.sin(np.pi * np.clip(0.15 + 0.75 * t, 0, 1)) - b
        tip = edge + (0.012 if upper else -0.008) * inside ** 4 + (0.004 * (np.abs(count) // 1 == 1) if upper else 0)
        y = gum + (tip - gum) * t
        points.append(np.stack([x + normal[:, 0] * bulge, y, z + forward + normal[:, 1] * bulge], 1))
        place.append(np.stack([count, np.full_like(x, t), inside], 1))
    quads = grid(len(rows), len(step))
    return np.concatenate(points), quads[:, ::-1] if upper else quads, np.concatenate(place)


def lashes(base, quads, now, side, fullness, rng):
    """Thin triangles for the lashes of one eye, on the strips the base mesh has for them: points (3n,3) of moved vertices `now`."""
    centre = base[slice(*GROUPS["eye_l" if side > 0 else "eye_r"])].mean(0)
    out, far = [], np.linalg.norm(base - centre, axis=1)
    name = "helper-l-eyelashes-" if side > 0 else "helper-r-eyelashes-"
    for strip, share, length in (("2", 7, 2.2), ("1", 4, 1.2)):                   # upper, lower lid
        ordered = [quad[np.argsort(far[quad])] for quad in quads[name + strip]]
        ends = {tuple(sorted(quad[2:])) for quad in ordered}
        for quad in ordered:
            inner, outer = quad[:2], quad[2:]
            if tuple(sorted(inner)) in ends or far[inner].max() > 0.19:
                continue                                                         # not the row that grows from the lid
            if np.linalg.norm(base[inner[0]] - base[outer[0]]) > np.linalg.norm(base[inner[0]] - base[outer[1]]):
                outer = outer[::-1]
            for _ in range(share):
                s, t = rng.uniform(0, 1), rng.uniform(-0.3, 0.3)
                root = now[inner[0]] * (1 - s) + now[inner[1]] * s
                tip = now[outer[0]] * (1 - s - t) + now[outer[1]] * (s + t)
                tip = root + (tip - root) * length * fullness * rng.uniform(0.7, 1.0)
                wide = now[inner[1]] - now[inner[0]]
                wide = wide * (0.0034 if strip == "2" else 0.0018) / (np.linalg.norm(wide) + 1e-9)
                out += [root - wide, root + wide, tip]
    return np.array(out).reshape(-1, 3)


def tube(path, radius, closed=False, sides=8, flat=1.0):
    """A tube of `radius` along `path` (N,3): points, quads; `flat` squeezes it front to back."""
    ahead = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    across = np.cross(ahead, np.array([0.0, 0.02, 1.0]))
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    up = np.cross(ahead, across)
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = path[:, None] + radius * (np.cos(turn)[:, None] * across[:, None] + flat * np.sin(turn)[:, None] * up[:, None])
    quads = grid(len(path) + closed, sides, closed=True)
    return ring.reshape(-1, 3), quads % (len(path) * sides)


def spectacles(shape):
    """Frame (points, quads) in resting coordinates: two rims, a bridge and two temples."""
    pieces, turn = [], np.linspace(0, 2 * np.pi, 56, endpoint=False)
    n = shape["round"]
    half_x, half_y, middle, front = 0.255 * shape["wide"], 0.235 * shape["high"], 0.335, 1.56
    for side in (1, -1):
        x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / n) * half_x
        y = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / n) * half_y
        depth = front - 0.16 * (np.abs(side * middle + x) - 0.1) ** 2
        pieces.append(tube(np.stack([side * middle + x, 7.235 + y, depth], 1), shape["thick"], closed=True))
        reach = np.linspace(0, 1, 8)[:, None]
        hinge = np.array([side * (middle + half_x), 7.30, front - 0.16 * (middle + half_x - 0.1) ** 2])
        pieces.append(tube(hinge + reach * (np.array([side * 0.86, 7.33, 0.25]) - hinge) + np.sin(np.pi * reach) * (side * 0.05, 0, 0), shape["thick"] * 0.9))
    t = np.linspace(-1, 1, 9)[:, None]
    bridge = np.concatenate([t * (middle - half_x + 0.01), 7.27 + 0.035 * (1 - t ** 2), front + 0.0 * t + 0.02 * (1 - t ** 2)], 1)
    pieces.append(tube(bridge, shape["thick"] * 0.9))
    points, quads, count = [], [], 0
    for p, q in pieces:
        points.append(p), quads.append(q + count)
        count += len(p)
    return np.concatenate(points), np.concatenate(quads)


def curtain(length, front, layer, curl):
    """One layer of long hair round the back and sides: points, quads, (turn, height, 0); `front` = half opening in radians."""
    turn, y = np.meshgrid(np.linspace(front, 2 * np.pi - front, 90), np.linspace(8.35, length, 60))
    top = np.clip((y - 7.45) / 0.95, 0, 1)
    wide = np.sqrt(np.maximum(1 - top ** 2, 0.02)) * (1 + 0.07 * np.clip((7.3 - y) / 1.2, 0, 1))
    wave = 0.02 * curl * np.sin(y * 14 + 3 * np.sin(turn * 5))
    x = (0.95 + 0.035 * layer + wave) * wide * np.sin(turn)
    z = 0.12 + (1.0 + 0.035 * layer + wave) * wide * np.cos(turn)
    place = np.stack([turn.ravel(), y.ravel(), np.zeros(turn.size)], 1)
    return np.stack([x.ravel(), y.ravel(), z.ravel()], 1), grid(60, 90), place
