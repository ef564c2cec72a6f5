"""Odd and hostile input for the command: each ends in a picture or in one sentence, and never in half a file.

Most cases run `g2gan.cli.run` in this process, with an untrained model: what is tested is what happens to the input.
"""
import io
import json
import os
import resource
import struct
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.data import astronaut

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing here may wait for a network

import g2gan.trainer  # imported here, so that no test pays for it
from g2gan.cli import run
from g2gan.generators import G2GAN, GeneratorConfig
from g2gan.landmarks import DetectorMissing, get_detector
from g2gan.shape_model import ShapeModel

# the 68 points of scikit-image's astronaut, less (80, 0): the photo below is cut out of it
POINTS = np.array("""99 104 99 116 100 127 101 139 105 151 111 160 120 169 129 176 141 178 152 177 163 171 173 164 180 154 185 144 188 132
190 120 192 108 106 94 112 88 120 87 128 89 136 92 156 93 164 91 172 91 180 92 185 98 145 103 145 111 145 119 145 127 134 131 139 132
144 134 149 133 154 132 115 101 120 98 127 98 132 104 126 104 119 104 158 105 164 101 170 101 175 104 170 107 164 106 121 140 129 139
138 139 143 141 149 140 157 140 165 141 157 151 149 155 142 156 136 155 128 150 124 141 137 143 143 144 149 143 163 142 149 150 143 150
137 150""".split(), float).reshape(68, 2)
PHOTO = astronaut()[:256, 80:336]
try: get_detector("dlib")
except DetectorMissing: DETECTOR = None
else: DETECTOR = "dlib"
needs_detector = pytest.mark.skipif(DETECTOR is None, reason="no landmark detector is installed")


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    "A model folder, untrained, whose shape model comes from the astronaut's points moved about."
    from g2gan.landmarks import align_by_eyes
    folder, rng = tmp_path_factory.mktemp("model"), np.random.default_rng(0)
    G2GAN(GeneratorConfig("warped", size=32, base=8, max_channels=16)).save_pretrained(folder)
    neutral = align_by_eyes(POINTS, 36).apply(POINTS) + rng.normal(0, 0.3, (40, 68, 2))
    smile = np.zeros((68, 2)); smile[[48, 60]] = -1, -1; smile[[54, 64]] = 1, -1
    smiling = neutral + smile + rng.normal(0, 0.1, neutral.shape)
    shapes = ShapeModel.fit(np.concatenate([neutral, smiling]), 36)
    shapes.learn_expressions(smiling, neutral, ["happiness"] * 40)
    shapes.learn_neutral(smiling, neutral)
    shapes.save(folder / "shape_model.safetensors")
    return folder


def call(capsys, *words):
    "Exit code and what was written to the standard streams; promises that hold for every call are checked here."
    wall, work = time.perf_counter(), time.process_time()
    code = run([str(w) for w in words])
    wall, work = time.perf_counter() - wall, time.process_time() - work
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err and "fault of g2gan" not in err, err
    assert work < 10 and wall < 120, f"{work:.1f} s of work, {wall:.1f} s in all"  # other processes may slow the clock, not the work
    return code, out, err


def whole(folder):
    "Every file that looks like a picture is one, and nothing unfinished lies about."
    for path in Path(folder).rglob("*"):
        assert not path.name.endswith(".part"), path
        if path.is_file() and path.suffix in (".png", ".jpg", ".gif", ".webp"):
            with Image.open(path) as picture: picture.load()


def neutralize(capsys, model, photo, out, *more):
    words = ["neutralize", photo, "--weights", model, "--detector", DETECTOR or "dlib", "--out", out, *more]
    code, printed, said = call(capsys, *words)
    whole(Path(out).parent)
    made = Path(out).is_file()
    assert made == (code == 0), (code, said)
    if code: assert said.startswith("g2gan: ") and said.count("\n") == 1 and len(said) < 600, said
    return code, said


# ---- files -----------------------------------------------------------------------------------------------------------

def encoded(kind, picture=None, **more):
    data = io.BytesIO()
    (picture or Image.fromarray(PHOTO)).save(data, format=kind, **more)
    return data.getvalue()


def png(width, height, rows=b"", depth=8, colour=2):
    "A PNG that declares a size and holds whatever it is given."
    def chunk(name, data): return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def exif(orientation=None, garbage=0):
    e = Image.Exif()
    if orientation: e[0x0112] = orientation
    if garbage: e[0x010E] = "x" * garbage
    return e.tobytes()


def turned(orientation):
    "A photo stored so that its EXIF orientation brings it upright."
    turn = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    return encoded("JPEG", Image.fromarray(PHOTO).transpose(turn[orientation]), exif=exif(orientation), quality=95)


def drawing():
    im = Image.new("RGB", (300, 300), "white"); d = ImageDraw.Draw(im)
    d.ellipse((50, 40, 250, 260), outline="black", width=4)
    for x in (110, 190): d.ellipse((x - 12, 110, x + 12, 134), outline="black", width=4)
    d.arc((100, 150, 200, 220), 10, 170, fill="black", width=4)
    return encoded("PNG", im)


def animated(kind):
    frames = [Image.fromarray(np.roll(PHOTO, k, 1)) for k in (0, 8, 16)]
    return encoded(kind, frames[0], save_all=True, append_images=frames[1:], duration=50)


def crowd(n):
    face = PHOTO[30:200, 60:230]
    return encoded("JPEG", Image.fromarray(np.concatenate([np.concatenate([face] * (n // 3), 1)] * 3)), quality=95)


I = Image.fromarray
ramp = lambda mode: I(PHOTO).convert(mode)
sixteen = (PHOTO.mean(-1) / 255 * 65535).astype(np.uint16)
FACE, NONE, EITHER = "picture", "error", "either"  # what must come out
FILES = {
    "truncated.jpg": (NONE, lambda: encoded("JPEG")[:4000]), "truncated.png": (NONE, lambda: encoded("PNG")[:9000]),
    "truncated.webp": (NONE, lambda: encoded("WEBP")[:2000]), "empty.jpg": (NONE, lambda: b""),
    "one byte.png": (NONE, lambda: b"\x89"), "text.jpg": (NONE, lambda: b"this is a text"),
    "png in disguise.jpg": (FACE, lambda: encoded("PNG")), "jpeg in disguise.png": (FACE, lambda: encoded("JPEG", quality=95)),
    "gif in disguise.webp": (EITHER, lambda: encoded("GIF")), "no ending": (FACE, lambda: encoded("PNG")),
    "bomb.png": (NONE, lambda: png(60000, 60000)), "long bomb.png": (NONE, lambda: png(2**31 - 1, 1)),
    "zero.png": (NONE, lambda: png(0, 0)), "bomb.gif": (NONE, lambda: b"GIF89a" + struct.pack("<HH", 60000, 60000) + encoded("GIF")[10:]),
    "bomb.bmp": (NONE, lambda: encoded("BMP")[:18] + struct.pack("<ii", 60000, 60000) + encoded("BMP")[26:]),
    "declared larger.png": (NONE, lambda: png(4000, 4000, b"\0" * 100)),
    "text bomb.png": (EITHER, lambda: encoded("PNG")[:33] + b"".join(
        struct.pack(">I", len(d)) + b"zTXt" + d + struct.pack(">I", zlib.crc32(b"zTXt" + d)) for d in [b"k\0\0" + zlib.compress(b"a" * 10**8)]) + encoded("PNG")[33:]),
    "garbage.tif": (NONE, lambda: b"II*\0" + b"\xff" * 3000), "animated.gif": (FACE, lambda: animated("GIF")),
    "animated.webp": (FACE, lambda: animated("WEBP")), "animated.png": (FACE, lambda: animated("PNG")),
    "1x1.png": (NONE, lambda: encoded("PNG", Image.new("RGB", (1, 1)))), "1x900.png": (NONE, lambda: encoded("PNG", Image.new("RGB", (1, 900)))),
    "900x1.png": (NONE, lambda: encoded("PNG", Image.new("RGB", (900, 1)))), "10x10.png": (NONE, lambda: encoded("PNG", Image.new("RGB", (10, 10)))),
    "panorama.png": (NONE, lambda: encoded("PNG", Image.new("RGB", (12000, 40)))),
    "large and empty.jpg": (NONE, lambda: encoded("JPEG", Image.new("RGB", (6000, 4000), "grey"))),
    "grey.png": (FACE, lambda: encoded("PNG", ramp("L"))), "grey alpha.png": (FACE, lambda: encoded("PNG", ramp("LA"))),
    "rgba.png": (FACE, lambda: encoded("PNG", ramp("RGBA"))), "palette.png": (FACE, lambda: encoded("PNG", ramp("P"))),
    "invisible.png": (NONE, lambda: encoded("PNG", I(np.dstack([PHOTO, np.zeros(PHOTO.shape[:2], np.uint8)])))),
    "one bit.png": (EITHER, lambda: encoded("PNG", ramp("1"))), "cmyk.jpg": (FACE, lambda: encoded("JPEG", ramp("CMYK"), quality=95)),
    "lab.tif": (FACE, lambda: encoded("TIFF", ramp("LAB") if hasattr(Image.core, "lab") else ramp("RGB"))),
    "16 bit.png": (FACE, lambda: encoded("PNG", I(sixteen))), "32 bit.tif": (FACE, lambda: encoded("TIFF", I(sixteen.astype(np.int32)))),
    "float.tif": (FACE, lambda: encoded("TIFF", I(PHOTO.mean(-1).astype(np.float32) / 255))),
    "nan.tif": (NONE, lambda: encoded("TIFF", I(np.full((64, 64), np.nan, np.float32)))),
    "exif 2.jpg": (FACE, lambda: turned(2)), "exif 3.jpg": (FACE, lambda: turned(3)), "exif 6.jpg": (FACE, lambda: turned(6)),
    "exif 8.jpg": (FACE, lambda: turned(8)), "exif 99.jpg": (FACE, lambda: encoded("JPEG", exif=exif(99), quality=95)),
    "huge exif.jpg": (FACE, lambda: encoded("JPEG", exif=exif(garbage=60000), quality=95)),
    "broken exif.jpg": (FACE, lambda: encoded("JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xee" * 400, quality=95)),
    "noise.png": (NONE, lambda: encoded("PNG", I(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)))),
    "drawing.png": (EITHER, drawing), "wall.jpg": (NONE, lambda: encoded("JPEG", Image.new("RGB", (400, 400), "beige"))),
    "upside down.png": (NONE, lambda: encoded("PNG", I(PHOTO[::-1].copy()))),
    "profile.png": (EITHER, lambda: encoded("PNG", I(PHOTO[60:190, 80:145].copy()).resize((130, 260)))),
    "half a face.png": (EITHER, lambda: encoded("PNG", I(PHOTO[:, 146:].copy()))), "cut chin.png": (EITHER, lambda: encoded("PNG", I(PHOTO[:160].copy()))),
    "tiny face.png": (NONE, lambda: encoded("PNG", I(PHOTO).resize((50, 50)))), "12 faces.jpg": (FACE, lambda: crowd(12)),
    "ÅÄÖ 顔 лицо.png": (FACE, lambda: encoded("PNG")), "🙂 emoji.png": (FACE, lambda: encoded("PNG")), "new\nline.png": (FACE, lambda: encoded("PNG")),
    "quote'\"s.png": (FACE, lambda: encoded("PNG")), "[brackets]*.png": (FACE, lambda: encoded("PNG")), "%s{x}.png": (FACE, lambda: encoded("PNG")),
    "vector.svg": (NONE, lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "script.eps": (NONE, lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    "page.pdf": (NONE, lambda: b"%PDF-1.7\n"), "page.html": (NONE, lambda: b"<html></html>"), "phone.heic": (NONE, lambda: b"\0\0\0\x18ftypheic" + b"\0" * 99),
}


@needs_detector
@pytest.mark.parametrize("name", FILES)
def test_file(name, model, tmp_path, capsys):
    expected, make = FILES[name]
    (tmp_path / name).write_bytes(make())
    code, said = neutralize(capsys, model, tmp_path / name, tmp_path / "out" / "result.png")
    if expected != EITHER: assert (code == 0) == (expected == FACE), said or "a picture was made"


@needs_detector
def test_upright_after_rotation(model, tmp_path, capsys):
    (tmp_path / "a.jpg").write_bytes(turned(6))
    assert neutralize(capsys, model, tmp_path / "a.jpg", tmp_path / "b.png")[0] == 0
    with Image.open(tmp_path / "b.png") as picture: assert np.abs(np.asarray(picture).astype(float) - PHOTO).mean() < 12


@needs_detector
def test_things_that_are_no_files(model, tmp_path, capsys):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("folder.jpg", "loop.jpg", "dangling.jpg", "pipe.jpg", "missing.jpg", "x" * 300 + ".jpg", "nul\0byte.jpg"):
        code, _, said = call(capsys, "neutralize", tmp_path / name, "--weights", model, "--out", tmp_path / "out.png")
        assert code in (1, 2) and said.count("\n") == 1, (name, said)
    code, _, said = call(capsys, "neutralize", "/dev/zero", "--weights", model, "--out", tmp_path / "out.png")
    assert code == 1 and not (tmp_path / "out.png").exists()


@needs_detector
def test_faces_of_a_crowd(model, tmp_path, capsys):
    (tmp_path / "crowd.jpg").write_bytes(crowd(12))
    assert neutralize(capsys, model, tmp_path / "crowd.jpg", tmp_path / "all.png", "--face", "all")[0] == 0
    assert neutralize(capsys, model, tmp_path / "crowd.jpg", tmp_path / "third.png", "--face", "2")[0] == 0
    code, said = neutralize(capsys, model, tmp_path / "crowd.jpg", tmp_path / "none.png", "--face", "40")
    assert code == 1 and "40" in said


# ---- points ----------------------------------------------------------------------------------------------------------

def text(points): return "\n".join(f"{x} {y}" for x, y in points)


LANDMARKS = {
    "good.txt": (FACE, lambda: text(POINTS)), "good.json": (FACE, lambda: json.dumps(POINTS.tolist())),
    "good.pts": (FACE, lambda: "version: 1\nn_points: 68\n{\n" + text(POINTS) + "\n}"),
    "keyed.json": (FACE, lambda: json.dumps({"photo.png": POINTS.tolist()})), "flat.csv": (FACE, lambda: ",".join(map(str, POINTS.ravel()))),
    "bom.txt": (FACE, lambda: "\ufeff" + text(POINTS)), "windows.txt": (FACE, lambda: text(POINTS).replace("\n", "\r\n")),
    "67.txt": (NONE, lambda: text(POINTS[:67])), "69.txt": (NONE, lambda: text([*POINTS, (1, 1)])),
    "nan.json": (NONE, lambda: json.dumps(np.where(POINTS == POINTS[30], np.nan, POINTS).tolist())),
    "nan.txt": (NONE, lambda: text(POINTS).replace("145.0 127.0", "nan nan")), "inf.json": (NONE, lambda: json.dumps(np.where(POINTS == POINTS[0], np.inf, POINTS).tolist())),
    "equal.txt": (NONE, lambda: text(np.full((68, 2), 77))), "zero.txt": (NONE, lambda: text(np.zeros((68, 2)))),
    "line.txt": (NONE, lambda: text([(i, i) for i in range(68)])), "outside.txt": (NONE, lambda: text(POINTS + 5000)),
    "negative.txt": (NONE, lambda: text(POINTS - 5000)), "astronomic.txt": (NONE, lambda: text(POINTS * 1e300)),
    "tiny.txt": (NONE, lambda: text(POINTS / 30)), "mirrored.txt": (NONE, lambda: text(POINTS * [-1, 1] + [255, 0])),
    "upside down.txt": (EITHER, lambda: text([255, 255] - POINTS)), "shuffled.txt": (EITHER, lambda: text(POINTS[np.random.default_rng(0).permutation(68)])),
    "3d.txt": (NONE, lambda: "\n".join(f"{x} {y} 0" for x, y in POINTS)), "words.txt": (NONE, lambda: "left eye\nright eye"),
    "empty.txt": (NONE, lambda: ""), "empty.json": (NONE, lambda: "[]"), "broken.json": (NONE, lambda: "[[1, 2], ["),
    "deep.json": (NONE, lambda: "[" * 100_000), "ragged.json": (NONE, lambda: json.dumps([[1, 2], [3]])), "null.json": (NONE, lambda: "null"),
    "strings.json": (NONE, lambda: json.dumps([["a", "b"]] * 68)), "other photo.json": (NONE, lambda: json.dumps({"other.png": POINTS.tolist()})),
    "other photo.csv": (NONE, lambda: "other.png,1,neutral," + ",".join(map(str, POINTS.ravel()))),
    "table.csv": (FACE, lambda: "file,subject,x0\nother.png,7," + ",".join(["0"] * 136) + "\nsub/photo.png,7," + ",".join(map(str, POINTS.ravel()))),
    "binary.txt": (NONE, lambda: bytes(range(256)) * 40), "binary.npy": (NONE, lambda: b"\x93NUMPY" + b"\xff" * 80),
    "pickle.npy": (NONE, lambda: _npy(np.array([{"a": 1}], dtype=object))), "good.npy": (FACE, lambda: _npy(POINTS)),
    "complex.npy": (NONE, lambda: _npy(POINTS * 1j)), "bomb.npy": (NONE, lambda: _npy(POINTS).replace(b"(68, 2)", b"(9**9,)")),
}


def _npy(array):
    data = io.BytesIO(); np.save(data, array, allow_pickle=True)
    return data.getvalue()


@pytest.mark.parametrize("name", LANDMARKS)
def test_landmarks(name, model, tmp_path, capsys):
    expected, make = LANDMARKS[name]
    data = make()
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    code, said = neutralize(capsys, model, tmp_path / "photo.png", tmp_path / "out" / "result.png", "--landmarks", tmp_path / name)
    if expected != EITHER: assert (code == 0) == (expected == FACE), said or "a picture was made"


# ---- words and places ------------------------------------------------------------------------------------------------

@pytest.fixture
def given(tmp_path):
    "A photo, and the words that spare it a detector."
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    (tmp_path / "points.txt").write_text(text(POINTS))
    return tmp_path / "photo.png", ["--landmarks", tmp_path / "points.txt"]


WISHES = {
    "happiness": FACE, "happiness=0.5,blink@left=1": FACE, "grin_wink": FACE, "happiness=1e9": FACE, "happiness=-3": FACE, "happiness@left mouth=2": FACE,
    "joy": NONE, "happiness=": FACE, "happiness=x": NONE, "happiness=nan": NONE, "happiness=inf": NONE, "=1": NONE, ",": NONE, "happiness@": FACE,
    "happiness@tail": NONE, "@left": NONE, "blink=1e9": FACE, "x" * 5000: NONE, "hap\0piness": NONE, "{happiness}": NONE, "'; rm -rf /": NONE,
}


@pytest.mark.parametrize("wish", WISHES)
def test_expression(wish, model, given, tmp_path, capsys):
    photo, points = given
    code, _, said = call(capsys, "edit", photo, f"--expression={wish}", "--weights", model, "--out", tmp_path / "out.png", *points)
    whole(tmp_path)
    assert (code == 0) == (WISHES[wish] == FACE) == (tmp_path / "out.png").exists(), said
    if code: assert said.startswith("g2gan: ") and said.count("\n") == 1


@pytest.mark.parametrize("words", [
    ["edit", "PHOTO"], ["edit", "PHOTO", "--expression", "happiness", "--intensity", "nan"], ["edit", "PHOTO", "--expression", "happiness", "--intensity", "loud"],
    ["edit", "PHOTO", "--target", "missing.txt"], ["edit"], ["edit", "PHOTO", "--expression"], ["neutralize", "PHOTO", "--face", "-1"],
    ["neutralize", "PHOTO", "--start", "now"], ["neutralize", "PHOTO", "--detector", "eyes"], ["neutralize", "PHOTO", "--device", "toaster"],
    ["neutralize", "PHOTO", "--weights", "missing/folder/of/weights"], ["neutralize", "PHOTO", "--weights", "nobody/has-this"],
    ["neutralize", "PHOTO", "--config", "missing.yaml"], ["neutralize", "nothing*.jpg"], ["neutralize", "--", "-photo.jpg"], ["neutralize", ""],
    ["transfer", "PHOTO"], ["transfer", "PHOTO", "--like", "missing.jpg"], ["interpolate", "PHOTO", "--steps", "0"], ["interpolate", "PHOTO", "--steps", "1000000"],
    ["animate", "PHOTO", "--fps", "0"], ["animate", "PHOTO", "--seconds", "1e12"], ["animate", "PHOTO", "--seconds", "nan"], ["animate", "PHOTO", "--format", "avi"],
    ["animate", "PHOTO", "--driving", "points.txt"], ["animate", "PHOTO", "--driving", "missing.mp4"], ["animate", "PHOTO", "--out", "film.mkv/film.gif"],
    ["train", "--data", "missing"], ["train", "--preset", "huge"], ["train", "--size", "100"], ["train", "--steps", "-5"], ["fly"], ["--fly"], ["train", "--lr", "fast"],
])
def test_wrong_words(words, model, given, tmp_path, capsys, monkeypatch):
    photo, points = given
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mkv").write_text("a file where a folder should be")
    before = sorted(tmp_path.rglob("*"))
    words = [str(photo) if w == "PHOTO" else w for w in words]
    if words[0] in ("edit", "neutralize", "transfer", "interpolate", "animate") and "--weights" not in words: words[1:1] = ["--weights", model]
    if words[0] != "train" and "PHOTO" not in words and str(photo) in words: words += points
    if "eyes" in words: words = words[:-2]  # only a detector that is used is asked for
    code, _, said = call(capsys, *words)
    assert code in (1, 2) and said.startswith("g2gan: ") and said.count("\n") == 1, (code, said)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("damage", ["no config", "config", "weights", "weights cut", "other weights", "shapes", "all empty"])
def test_damaged_model(damage, model, given, tmp_path, capsys):
    import shutil
    photo, points = given
    bad = shutil.copytree(model, tmp_path / "bad")
    if damage == "no config": (bad / "config.json").unlink()
    if damage == "config": (bad / "config.json").write_text("{'kind':")
    if damage == "weights": (bad / "model.safetensors").write_bytes(b"\xff" * 1000)
    if damage == "weights cut": (bad / "model.safetensors").write_bytes((bad / "model.safetensors").read_bytes()[:5000])
    if damage == "other weights": (bad / "config.json").write_text((bad / "config.json").read_text().replace('"base": 8', '"base": 4'))
    if damage == "shapes": (bad / "shape_model.safetensors").write_bytes((bad / "model.safetensors").read_bytes())
    if damage == "all empty": [f.write_bytes(b"") for f in bad.iterdir()]
    code, _, said = call(capsys, "neutralize", photo, "--weights", bad, "--out", tmp_path / "out.png", *points)
    assert code == 1 and "bad" in said and said.count("\n") == 1 and not (tmp_path / "out.png").exists(), said


def test_places(model, given, tmp_path, capsys):
    photo, points = given
    same = call(capsys, "neutralize", photo, "--weights", model, "--out", photo, *points)
    assert same[0] == 2 and "overwrite" in same[2]
    (tmp_path / "file").write_text("")
    under = call(capsys, "neutralize", photo, "--weights", model, "--out", tmp_path / "file" / "out.png", *points)
    assert under[0] == 1 and under[2].count("\n") == 1
    several = call(capsys, "neutralize", photo, photo.parent, "--weights", model, "--out", tmp_path / "one.png", *points)
    assert several[0] == 2
    whole(tmp_path)


def test_full_disk(model, given, tmp_path, capsys, monkeypatch):
    photo, points = given
    (tmp_path / "out.png").write_bytes(encoded("PNG", Image.new("RGB", (9, 9))))  # an older result must survive
    def full(*args, **more): raise OSError(28, "No space left on device")
    monkeypatch.setattr(Image.Image, "save", full)
    code, _, said = call(capsys, "neutralize", photo, "--weights", model, "--out", tmp_path / "out.png", *points)
    assert code == 1 and "No space left" in said
    monkeypatch.undo()
    whole(tmp_path)
    with Image.open(tmp_path / "out.png") as picture: assert picture.size == (9, 9)


@needs_detector
def test_one_bad_file_does_not_stop_the_rest(model, tmp_path, capsys):
    for name in ("a.png", "deep/b.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PHOTO).save(tmp_path / "in" / name)
    (tmp_path / "in" / "ab.jpg").write_bytes(b"broken")
    code, out, _ = call(capsys, "neutralize", tmp_path / "in", "--weights", model, "--detector", "dlib", "--out", tmp_path / "out", "--json")
    report = json.loads(out)
    assert code == 1 and report["failed"] == 1 and [("error" in r) for r in report["results"]] == [False, True, False]
    assert (tmp_path / "out" / "deep" / "b.png").is_file()
    whole(tmp_path / "out")


def test_memory():
    "After all of the above, this process has never held more than 2 GB."
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    assert peak < 2 * 2**30, f"{peak / 2**30:.2f} GB"
