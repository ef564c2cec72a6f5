"""From a person and an expression to a picture: bones, parts, light, camera, paint."""
import functools

import numpy as np
import scipy.sparse as sparse

from rendering import parts
from rendering.mesh import GROUPS, add_targets, catmull_clark, read_base, to_triangles, vertex_normals
from rendering.paint import paint, smooth, unroll
from rendering.raster import depth_map, rasterize, seen

SKIN, EYE, TEETH, TONGUE, LASH, FRAME = range(6)


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
            from rendering.mesh import read_target
            index, offset = read_target(f"ears/{side}-ear-scale-incr")
            ear[index] = np.linalg.norm(offset, axis=1)
        self.ear = np.asarray(self.finer @ (ear[used] > 0.02).astype(float)) > 0.3
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
        behind = self.rest[:, 2] + shell[y, x]
        behind = -behind
        inside = (np.abs(self.rest[:, 0]) < 0.42) & (self.rest[:, 1] > 6.3) & (self.rest[:, 1] < 6.95) & (self.rest[:, 2] > 0.3)
        return smooth(0.03, 0.14, behind) * inside


@functools.cache
def head():
    """The one Head of this process."""
    return Head()


@functools.cache
def unrolled(width):
    """Rest places of the texels of the paint cylinder."""
    return unroll(head().rest, head().skin_quads, width)


def turn_matrix(yaw, pitch, roll):
    """Rotation by degrees: yaw about y, then pitch about x, then roll about z."""
    a, b, c = np.radians([yaw, pitch, roll])
    ry = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    rx = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ rx @ ry


class Actor:
    """One person ready to be photographed: bones set, skin painted."""

    def __init__(self, person, atlas_width=1536):
        self.person, self.head = person, head()
        self.bones = add_targets(self.head.base, person.targets)
        self.atlas = paint(person, unrolled(atlas_width))
        self.lift = self.bones[self.head.used].mean(0) - self.head.base[self.head.used].mean(0)
        self.bones = self.bones - self.lift          # sex and age move the whole head up or down; the camera follows

    def pose(self, units):
        """Moved base vertices with the expression `units` (name -> weight) put on; unit strengths follow the head's size."""
        return add_targets(self.bones, units)

    def parts(self, moved, gaze, rng):
        """All opaque parts: list of (kind, points, quads or triangles, place)."""
        h, person = self.head, self.person
        skin = h.finer @ moved[h.used]
        out = [(SKIN, skin, h.triangles, h.rest)]
        for side, name in ((1, "eye_l"), (-1, "eye_r")):
            points, quads, place = parts.eyeball(side, gaze)
            here = slice(*GROUPS[name])
            out.append((EYE, parts.attach(points, h.base[here], moved[here]), to_triangles(quads), place))
            strands = parts.lashes(h.base, h.groups, moved, side, person.hair["lashes"], rng)
            out.append((LASH, strands, np.arange(len(strands)).reshape(-1, 3), np.zeros_like(strands)))
        for name in ("teeth_upper", "teeth_lower"):
            points, quads, place = parts.teeth(name)
            here = slice(*GROUPS[name])
            out.append((TEETH, parts.attach(points, h.base[here], moved[here]), to_triangles(quads), place))
        if person.glasses:
            points, quads = parts.spectacles(person.glasses)
            ring = np.concatenate([np.arange(*GROUPS["eye_l"]), np.arange(*GROUPS["eye_r"]), h.used[(np.abs(h.base[h.used, 0]) < 0.12) & (np.abs(h.base[h.used, 1] - 7.2) < 0.12) & (h.base[h.used, 2] > 1.2)]])
            fitted = parts.attach(points, h.base[ring], self.bones[ring])
            out.append((FRAME, fitted, to_triangles(quads), np.zeros_like(points)))
        return out
