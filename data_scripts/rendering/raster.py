"""Triangles to pixels, light that reaches a vertex, and noise, compiled with numba.

Own code rather than VTK: it needs no screen and no OpenGL driver, hands back which triangle and where on it
each sample lies (so that skin can be painted by place on the face), and gives the same pixels everywhere.
"""
import numpy as np
from numba import njit


@njit(cache=True)
def rasterize(points, triangles, height, width, depth, index, weights):
    """Draws `triangles` (T,3) of `points` (V,3: x, y in pixels, depth growing away from the eye) into three buffers.

    `depth` (H,W) keeps the nearest so far, `index` (H,W) gets the triangle, `weights` (H,W,2) the barycentric
    weights of its first two corners, perspective-correct because `depth` is the true distance.
    """
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-12:
            continue
        left, right = max(0, int(np.ceil(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        top, bottom = max(0, int(np.ceil(min(ay, by, cy)))), min(height - 1, int(np.floor(max(ay, by, cy))))
        za, zb, zc = 1 / points[a, 2], 1 / points[b, 2], 1 / points[c, 2]
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                inverse = u * za + v * zb + w * zc
                z = 1 / inverse
                if z < depth[y, x]:
                    depth[y, x], index[y, x] = z, t
                    weights[y, x, 0], weights[y, x, 1] = u * za * z, v * zb * z


@njit(cache=True)
def depth_map(points, triangles, size):
    """Orthographic depth map (size,size) of `points` (V,3) already in map pixels; far = 1e9."""
    depth = np.full((size, size), 1e9, np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        left, right = max(0, int(np.ceil(min(ax, bx, cx)))), min(size - 1, int(np.floor(max(ax, bx, cx))))
        top, bottom = max(0, int(np.ceil(min(ay, by, cy)))), min(size - 1, int(np.floor(max(ay, by, cy))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                if u < 0 or v < 0 or u + v > 1:
                    continue
                z = u * points[a, 2] + v * points[b, 2] + (1 - u - v) * points[c, 2]
                if z < depth[y, x]:
                    depth[y, x] = z
    return depth


@njit(cache=True)
def add_light(points, normals, flat, depth, towards, wrap, weight, total, sight):
    """Adds to `total` (V,3) and `sight` (V,) what one direction sends to each vertex.

    `flat` (V,3) are the vertices in the pixels of the `depth` map seen from the light, softened over 2 x 2 texels;
    `wrap` (V,3) is how far round each colour of light creeps.
    """
    size = depth.shape[0]
    for i in range(points.shape[0]):
        x, y, z = flat[i, 0], flat[i, 1], flat[i, 2]
        left, top, visible = int(np.floor(x)), int(np.floor(y)), 1.0
        if 0 <= left < size - 1 and 0 <= top < size - 1:
            fx, fy, visible = x - left, y - top, 0.0
            for dy in range(2):
                for dx in range(2):
                    if z <= depth[top + dy, left + dx]:
                        visible += (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
        sight[i] += visible
        cosine = normals[i, 0] * towards[0] + normals[i, 1] * towards[1] + normals[i, 2] * towards[2]
        for c in range(3):
            lit = (cosine + wrap[i, c]) / (1 + wrap[i, c])
            if lit > 0:
                total[i, c] += weight * lit * visible


@njit(cache=True)
def interpolate(values, corners, weights):
    """Values (N,C) of vertices (V,C) inside triangles: corners (N,3) and weights (N,2) of the first two."""
    out = np.empty((corners.shape[0], values.shape[1]), np.float32)
    for i in range(corners.shape[0]):
        a, b, c = corners[i, 0], corners[i, 1], corners[i, 2]
        u, v = weights[i, 0], weights[i, 1]
        for k in range(values.shape[1]):
            out[i, k] = u * values[a, k] + v * values[b, k] + (1 - u - v) * values[c, k]
    return out


@njit(cache=True)
def lookup(layer, rows, columns):
    """Bilinear values (N,C) of `layer` (H,W,C) at fractional rows and columns (N,), clamped at the border."""
    height, width, channels = layer.shape
    out = np.empty((rows.shape[0], channels), np.float32)
    for i in range(rows.shape[0]):
        y, x = min(max(rows[i], 0.0), height - 1.001), min(max(columns[i], 0.0), width - 1.001)
        top, left = int(y), int(x)
        fy, fx = y - top, x - left
        for c in range(channels):
            out[i, c] = ((layer[top, left, c] * (1 - fx) + layer[top, left + 1, c] * fx) * (1 - fy)
                         + (layer[top + 1, left, c] * (1 - fx) + layer[top + 1, left + 1, c] * fx) * fy)
    return out


@njit(cache=True)
def _hash(x, y, z, seed):
    h = (x * 374761393 + y * 668265263 + z * 2147483647 + seed * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 2246822519) & 0xFFFFFFFF
    return ((h ^ (h >> 15)) & 0xFFFFFF) / 8388607.5 - 1


@njit(cache=True)
def noise(points, seed):
    """Smooth value noise in [-1, 1] at `points` (N,3), one bump a unit; the same for the same `seed` everywhere."""
    out = np.empty(points.shape[0], np.float32)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        fx, fy, fz = x - ix, y - iy, z - iz
        fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
        total = 0.0
        for dz in range(2):
            for dy in range(2):
                for dx in range(2):
                    share = (fx if dx else 1 - fx) * (fy if dy else 1 - fy) * (fz if dz else 1 - fz)
                    total += share * _hash(ix + dx, iy + dy, iz + dz, seed)
        out[i] = total
    return out


def fractal(points, seed, octaves=3, gain=0.5):
    """Sum of `octaves` of noise, each twice as fine and `gain` as strong; about [-1, 1]."""
    total, scale = np.zeros(len(points), np.float32), 1.0
    points = np.ascontiguousarray(points, np.float64)
    for octave in range(octaves):
        total += scale * noise(points * 2.0 ** octave, seed + 101 * octave)
        scale *= gain
    return total
