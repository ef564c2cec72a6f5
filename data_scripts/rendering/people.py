"""Who is rendered: one person's bones, skin, hair, glasses and light, and how that person smiles or frowns."""
from dataclasses import dataclass, field

import numpy as np

from rendering.mesh import data_folder

# Groups of identity targets and how far (one standard deviation, largest) they may go; mixes beyond this give odd skulls.
LIMITS = {"nose": (0.2, 0.5), "mouth": (0.16, 0.4), "chin": (0.28, 0.6), "cheek": (0.28, 0.6), "forehead": (0.2, 0.4),
          "eyes": (0.16, 0.4), "eyebrows": (0.25, 0.5), "ears": (0.25, 0.5), "head": (0.18, 0.4)}
LEFT_OUT = ("head-trans", "head-angle", "head-age", "mouth-trans-in", "mouth-scale-depth", "mouth-trans-back",
            "mouth-trans-for", "nose-trans-in", "head-back", "eye-push", "ear-trans", "mouth-dimples", "nose-compression",
            "chin-cleft", "eye-scale", "eye-trans-in", "eye-trans-out", "head-fat")
OPPOSITES = {"decr": "incr", "down": "up", "in": "out", "backward": "forward", "concave": "convex"}
SKULLS = ("oval", "round", "square", "rectangular", "diamond", "triangular", "invertedtriangular")

SOFT = {"chin/chin-width-decr": 0.3, "chin/chin-prominent-decr": 0.2, "chin/chin-height-decr": 0.25, "head/head-oval": 0.35, "nose/nose-width2-decr": 0.25,
        "nose/nose-scale-horiz-decr": 0.2, "eyes/l-eye-height2-incr": 0.3, "eyebrows/eyebrows-trans-up": 0.3, "mouth/mouth-upperlip-volume-incr": 0.25,
        "mouth/mouth-lowerlip-volume-incr": 0.2, "cheek/l-cheek-bones-incr": 0.2, "nose/nose-volume-decr": 0.15}
STRONG = {"chin/chin-width-incr": 0.15, "chin/chin-prominent-incr": 0.15, "eyebrows/eyebrows-trans-down": 0.15}

EXPRESSIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
ASYMMETRIC = ("wink", "brow_up", "grin_wink")
# Units without a side are applied to both; each expression has ways of showing it, a person has one of them.
UNITS = {
    "anger": [
        {"browDown": 1.4, "noseSneer": 0.9, "mouthFrown": 0.7, "mouthPress": 0.7, "eyeSquint": 0.45, "mouthRollLower": 0.3},
        {"browDown": 1.35, "noseSneer": 0.95, "mouthFrown": 0.5, "mouthUpperUp": 0.6, "mouthLowerDown": 0.65, "jawOpen": 0.12,
         "mouthStretch": 0.3, "eyeSquint": 0.2}],
    "disgust": [
        {"noseSneer": 1.35, "browDown": 0.5, "mouthUpperUp": 0.95, "cheekSquint": 0.85, "eyeSquint": 0.75, "mouthFrown": 0.45},
        {"noseSneer": 1.4, "browDown": 0.4, "mouthUpperUp": 1.2, "cheekSquint": 1.0, "eyeSquint": 0.9, "mouthFrown": 0.3, "mouthLowerDown": 0.2}],
    "fear": [
        {"browInnerUp": 1.5, "browDown": 0.6, "eyeWide": 0.9, "mouthStretch": 0.9, "jawOpen": 0.3, "mouthFrown": 0.5, "mouthUpperUp": 0.3},
        {"browInnerUp": 1.4, "browDown": 0.45, "eyeWide": 1.0, "mouthStretch": 0.8, "jawOpen": 0.36, "mouthFrown": 0.35, "mouthLowerDown": 0.2}],
    "happiness": [
        {"mouthSmile": 0.9, "cheekSquint": 0.75, "mouthUpperUp": 1.0, "mouthLowerDown": 0.3, "jawOpen": 0.06, "eyeSquint": 0.4},
        {"mouthSmile": 1.0, "cheekSquint": 0.85, "mouthUpperUp": 1.1, "mouthLowerDown": 0.5, "jawOpen": 0.16, "eyeSquint": 0.5},
        {"mouthSmile": 1.05, "cheekSquint": 0.8, "eyeSquint": 0.45, "mouthUpperUp": 0.85}],
    "sadness": [
        {"browInnerUp": 1.4, "mouthFrown": 1.25, "mouthShrugLower": 0.6, "eyeSquint": 0.2, "eyeLookDown": 0.15, "browDown": 0.1},
        {"browInnerUp": 1.5, "mouthFrown": 1.15, "mouthStretch": 0.3, "mouthLowerDown": 0.2, "eyeSquint": 0.45, "cheekSquint": 0.35}],
    "surprise": [
        {"browInnerUp": 1.15, "browOuterUp": 1.4, "eyeWide": 1.15, "jawOpen": 0.66, "mouthFunnel": 0.3},
        {"browInnerUp": 1.1, "browOuterUp": 1.45, "eyeWide": 1.1, "jawOpen": 0.56, "mouthPucker": 0.3},
        {"browInnerUp": 1.0, "browOuterUp": 1.5, "eyeWide": 1.2, "jawOpen": 0.47, "mouthFunnel": 0.4}],
}
SIDED = ("browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp",
         "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch",
         "mouthUpperUp", "noseSneer")


@dataclass
class Person:
    """Everything that stays the same from one picture of a person to the next."""
    number: int
    female: float                                  # 0 to 1
    old: float                                     # 0 (about 25) to 1 (about 70)
    roots: np.ndarray                              # shares of African, Asian, Caucasian targets
    targets: dict                                  # identity target -> weight
    style: dict = field(default_factory=dict)      # expression -> {unit: weight} at full intensity
    skin: dict = field(default_factory=dict)
    hair: dict = field(default_factory=dict)
    eyes: dict = field(default_factory=dict)
    glasses: dict | None = None
    scene: dict = field(default_factory=dict)


def _paired(names):
    """Identity targets as (negative, positive) pairs; None where there is no opposite."""
    left, pairs = set(names), []
    for name in sorted(names):
        stem, _, end = name.rpartition("-")
        if end in OPPOSITES and f"{stem}-{OPPOSITES[end]}" in left:
            pairs.append((name, f"{stem}-{OPPOSITES[end]}"))
    return pairs


def _bones(rng, female):
    """Random weights of the local identity targets, the same left and right but for a trace."""
    weights, softness = {}, rng.uniform(0.5, 1.2)
    for group, (spread, most) in LIMITS.items():
        folder = data_folder() / "mpfb2/targets" / group
        names = [p.name.removesuffix(".target.gz") for p in folder.glob("*.target.gz")]
        names = [n for n in names if not any(n.removeprefix("l-").removeprefix("r-").startswith(x) for x in LEFT_OUT)]
        for low, high in _paired(names):
            if low.startswith("r-"):
                continue
            weight = float(np.clip(rng.normal(0, spread), -most, most))
            for side in ("l-", "r-") if low.startswith("l-") else ("",):
                w = float(np.clip(weight + (rng.normal(0, 0.03) if side else 0), -most, most))
                pick = high if w > 0 else low
                weights[f"{group}/{side}{pick[2:] if side else pick}"] = abs(w)
    # Bones that tend to differ between the sexes, so that hair and paint do not contradict the shape.
    for name, weight in (SOFT if female > 0.5 else STRONG).items():
        for side in ("l-", "r-") if name.split("/")[1].startswith("l-") else ("",):
            key = name.replace("l-", side, 1) if side else name
            weights[key] = min(weights.get(key, 0) * 0.5 + weight * softness, 0.8)
    for skull in rng.choice(SKULLS, 2, replace=False):
        weights[f"head/head-{skull}"] = float(rng.uniform(0, 0.45))
    return weights


def _macros(female, old, roots, weight, muscle):
    """Weights of the age, sex and ethnicity targets, as MakeHuman mixes them."""
    out = {}
    for sex, s in (("female", female), ("male", 1 - female)):
        for age, a in (("young", 1 - old), ("old", old)):
            for root, r in zip(("african", "asian", "caucasian"), roots):
                out[f"macrodetails/{root}-{sex}-{age}"] = s * a * r
            for build, m in (("averagemuscle", 1 - muscle), ("maxmuscle", muscle)):
                for load, w in (("averageweight", 1 - abs(weight)), ("maxweight", max(weight, 0)), ("minweight", max(-weight, 0))):
                    out[f"macrodetails/universal-{sex}-{age}-{build}-{load}"] = s * a * m * w
    return {k: float(w) for k, w in out.items() if w > 1e-4}


def _style(rng):
    """This person's way of showing each expression: one of the variants, its units a little stronger or weaker a side."""
    style = {}
    for name, variants in UNITS.items():
        chosen, out = variants[rng.integers(len(variants))], {}
        for unit, weight in chosen.items():
            weight = weight * float(np.clip(rng.normal(1, 0.1), 0.8, 1.2))
            for side in ("Left", "Right") if unit in SIDED else ("",):
                out[unit + side] = weight * (float(np.clip(rng.normal(1, 0.06), 0.85, 1.15)) if side else 1)
        style[name] = out
    side, other = ("Left", "Right") if rng.random() < 0.5 else ("Right", "Left")
    k = rng.uniform(0.85, 1.1, 8)
    style["wink"] = {f"eyeBlink{side}": 1.0, f"cheekSquint{side}": 0.7 * k[0], f"browDown{side}": 0.45 * k[1],
                     f"mouthSmile{side}": 0.35 * k[2], f"eyeSquint{side}": 0.4}
    style["brow_up"] = {f"browOuterUp{other}": 1.35 * k[3], "browInnerUp": 0.3 * k[4], f"browDown{side}": 0.6 * k[5],
                        f"eyeWide{other}": 0.35}
    style["grin_wink"] = {f"eyeBlink{side}": 1.0, f"cheekSquint{side}": 1.0, f"browDown{side}": 0.5, f"mouthSmile{side}": 1.1 * k[6],
                          f"mouthSmile{other}": 0.25, f"mouthUpperUp{side}": 1.2 * k[7], f"mouthLowerDown{side}": 0.5,
                          f"mouth{side}": 0.25, "jawOpen": 0.08, f"noseSneer{side}": 0.3, f"browOuterUp{other}": 0.4}
    return style


TONES = np.array([[226, 184, 164], [216, 171, 146], [203, 155, 126], [184, 134, 104], [156, 108, 80], [124, 82, 60], [92, 61, 46]]) / 255
HAIRS = np.array([[24, 19, 17], [38, 27, 21], [62, 42, 30], [92, 64, 42], [132, 98, 62], [176, 142, 98], [112, 56, 32], [150, 146, 140]]) / 255
IRISES = np.array([[58, 36, 22], [84, 54, 30], [98, 84, 52], [78, 94, 82], [80, 102, 124], [92, 106, 114]]) / 255
LIGHTS = ("front", "left", "right", "window", "above")


def _skin(rng, female, old, roots):
    tone = np.clip(roots @ np.array([5.0, 1.9, 0.9]) + rng.normal(0, 0.6), 0, 6)
    i = min(int(tone), 5)
    colour = TONES[i] * (i + 1 - tone) + TONES[i + 1] * (tone - i)
    male = 1 - female
    beard = {"none": 0, "shadow": 0.35, "stubble": 0.8, "short": 1.0}
    kind = rng.choice(["none", "shadow", "stubble", "short"], p=[0.3, 0.35, 0.22, 0.13]) if male > 0.6 else "none"
    return {"tone": float(tone), "colour": np.clip(colour * rng.normal(1, 0.03) * rng.normal(1, 0.012, 3), 0, 1), "beard": beard[str(kind)],
            "blush": float(rng.uniform(0.3, 1.0)), "freckles": float(rng.uniform(0.4, 1)) if tone < 1.6 and rng.random() < 0.3 else 0.0,
            "lip": float(rng.uniform(0.45, 0.75) + (rng.uniform(0.1, 0.3) if female > 0.5 else 0)),
            "lip_hue": rng.uniform(-1, 1), "rough": float(rng.uniform(0.5, 1) * (0.7 + 0.6 * old)), "wrinkles": float(0.25 + 0.75 * old),
            "gloss": float(rng.uniform(0.6, 1.3)), "moles": int(rng.integers(0, 4)), "seed": int(rng.integers(1 << 30))}


def _hair(rng, female, old, roots):
    dark = roots[0] + roots[1] > 0.55
    colour = HAIRS[rng.integers(0, 2)] if dark else HAIRS[rng.integers(1, 7)]
    if old > 0.6 and rng.random() < 0.7:
        colour = colour * 0.35 + HAIRS[7] * 0.65
    cuts = ["long", "bob", "tied", "short"] if female > 0.5 else ["short", "crop", "side", "bald"]
    cut = str(rng.choice(cuts, p=[0.38, 0.22, 0.25, 0.15] if female > 0.5 else [0.4, 0.3, 0.22, 0.08]))
    return {"cut": cut, "colour": colour * rng.normal(1, 0.04), "line": float(rng.normal(0, 0.05) + (0.1 * old if female < 0.5 else 0)),
            "fringe": bool(cut in ("long", "bob") and rng.random() < 0.3), "curl": float(rng.uniform(0, 1) + roots[0]),
            "brow_thick": float(rng.uniform(0.5, 0.85) if female > 0.5 else rng.uniform(0.9, 1.4)),
            "brow_arch": float(rng.normal(0.1 if female > 0.5 else -0.1, 0.3)), "brow_dense": float(rng.uniform(0.6, 1)),
            "brow_long": float(rng.uniform(0.9, 1.05)), "lashes": float(rng.uniform(0.9, 1.4) if female > 0.5 else rng.uniform(0.5, 0.8))}


def _scene(rng):
    kind = str(rng.choice(LIGHTS))
    side = {"front": rng.normal(0, 12), "left": -rng.uniform(25, 50), "right": rng.uniform(25, 50),
            "window": rng.choice([-1, 1]) * rng.uniform(45, 65), "above": rng.normal(0, 20)}[kind]
    warm = rng.normal(0, 0.035)
    grey = rng.uniform(0.12, 0.8)
    return {"azimuth": float(side), "height": float(rng.uniform(45, 60) if kind == "above" else rng.uniform(10, 40)),
            "softness": float(rng.uniform(9, 22)), "key": float(rng.uniform(1.7, 2.9)), "fill": float(rng.uniform(0.2, 0.6)),
            "ambient": float(rng.uniform(0.3, 0.6)), "tint": np.array([1 + warm, 1, 1 - warm]), "rim": float(rng.uniform(0, 0.9)),
            "backdrop": np.clip(grey * (1 + rng.normal(0, 0.05, 3)), 0.03, 0.95), "backdrop_2": np.clip(grey * (1 + rng.normal(0, 0.09, 3)), 0.03, 0.95),
            "distance": float(rng.uniform(9, 16)), "yaw": float(rng.normal(0, 2)), "pitch": float(rng.normal(0, 1.5)),
            "exposure": float(rng.normal(1, 0.08)), "cloth": rng.uniform(0.03, 0.6) * (1 + rng.normal(0, 0.2, 3)), "seed": int(rng.integers(1 << 30))}


def make_person(seed, number):
    """Person `number` of the crowd `seed`: the same numbers in give the same person out, whoever else is rendered."""
    rng = np.random.default_rng([seed, number])
    female = float(np.clip((number % 2) * 0.8 + 0.1 + rng.normal(0, 0.08), 0, 1))
    old = float(np.clip(rng.beta(1.1, 2.2), 0, 0.9))
    roots = rng.dirichlet([0.35, 0.35, 0.45])
    targets = {**_macros(female, old, roots, float(np.clip(rng.normal(0, 0.3), -0.6, 0.7)), float(rng.uniform(0, 0.5))), **_bones(rng, female)}
    glasses = {"round": float(rng.uniform(2, 5)), "wide": float(rng.uniform(0.92, 1.1)), "high": float(rng.uniform(0.7, 0.95)),
               "thick": float(rng.choice([0.012, 0.018, 0.028])), "colour": rng.choice([[.03, .03, .035], [.12, .06, .03], [.35, .33, .3], [.05, .07, .15]])}
    return Person(number, female, old, roots, targets, style=_style(rng), skin=_skin(rng, female, old, roots),
                  hair=_hair(rng, female, old, roots), glasses=glasses if rng.random() < 0.2 else None, scene=_scene(rng),
                  eyes={"iris": IRISES[rng.integers(0, 2) if roots[2] < 0.6 else rng.integers(0, 6)] * rng.normal(1, 0.08),
                        "pupil": float(rng.uniform(0.3, 0.45)), "rest": float(np.clip(rng.normal(0.08, 0.05), 0.0, 0.2)), "seed": int(rng.integers(1 << 30))})
