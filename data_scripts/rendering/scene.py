"""From a person and an expression to a picture: bones, parts, light, camera, paint."""
import numpy as np

from rendering import parts
from rendering.mesh import GROUPS, add_targets, head, to_triangles
from rendering.paint import paint

SKIN, EYE, TEETH, TONGUE, LASH, FRAME = range(6)


def turn_matrix(yaw, pitch, roll):
    """Rotation by degrees: yaw about y, then pitch about x, then roll about z."""
    a, b, c = np.radians([yaw, pitch, roll])
    ry = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    rx = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ rx @ ry


class Actor:
    """One person ready to be photographed: bones set, skin painted."""

    def __init__(self, person, atlas_width=1024):
        self.person, self.head = person, head()
        self.bones = add_targets(self.head.base, person.targets)
        self.atlas = paint(person, atlas_width)
        self.lift = self.bones[self.head.used].mean(0) - self.head.base[self.head.used].mean(0)
        self.bones = self.bones - self.lift          # sex and age move the whole head up or down; the camera follows

    def pose(self, units):
        """Moved base vertices with the expression `units` (name -> weight) put on; unit strengths follow the head's size."""
        rest = self.person.eyes["rest"] * (1 - min(1, units.get("eyeWideLeft", 0)))
        units = dict(units)
        for side in ("Left", "Right"):                                          # nobody's lids stand wide open at rest
            units[f"eyeBlink{side}"] = min(1.0, units.get(f"eyeBlink{side}", 0) + rest)
        moved = add_targets(self.bones, units)
        if self.person.hair["cut"] in ("long", "bob"):
            ears, most = self.head.coarse_ear, 0.9 * np.abs(self.bones[self.head.used, 0][self.head.temple]).max()
            moved[ears, 0] = np.clip(moved[ears, 0], -most, most)               # long hair presses the ears to the head
        return moved

    def skin(self, moved):
        """Fine skin vertices; the mouth's hollow and the tongue's root are drawn in, so that no odd chin lets them through."""
        skin = self.head.finer @ moved[self.head.used]
        deep = self.head.hollow[:, None] * (self.head.rest[:, 1:2] < 6.5)
        low = self.head.tongue * np.maximum(6.53 - self.head.rest[:, 1], 0)
        return skin + deep * (0, 0.09, -0.1) + low[:, None] * (0, 0.8, -0.6)

    def parts(self, moved, gaze, rng):
        """All opaque parts: list of (kind, points, quads or triangles, place)."""
        h, person = self.head, self.person
        skin = self.skin(moved)
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
