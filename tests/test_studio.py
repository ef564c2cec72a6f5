"""The studio in a real browser: Debian's Chromium, moved by Playwright, with nothing but this machine to talk to."""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
WAIT = 240_000  # milliseconds, for a machine that is busy with other things
CELL = "from g2gan.studio import Studio\nstudio = Studio()\nstudio"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def running(*args, port, cwd, **env):
    """A server that answers on its port, ended afterwards with all its children."""
    with open(cwd / "server.log", "w") as log:
        server = subprocess.Popen([sys.executable, *args], cwd=cwd, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"} | env)
        try:
            for _ in range(WAIT // 200):
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert server.poll() is None, (cwd / "server.log").read_text()[-3000:]
                time.sleep(0.2)
            yield server
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1400, "height": 1100}, accept_downloads=True)
    page.set_default_timeout(WAIT)
    local = re.compile(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|blob:|data:")
    page.route("**/*", lambda route: route.continue_() if local.match(route.request.url) else route.abort())  # no network
    yield page
    page.close()


def picture(page):
    """What the right canvas shows, without points if they are hidden."""
    return page.locator(".g2gan-studio canvas").nth(1).evaluate("c => c.toDataURL()")


def changed(page, before):
    page.wait_for_function("old => document.querySelectorAll('.g2gan-studio canvas')[1].toDataURL() !== old", arg=before)
    return picture(page)


def settled(page):
    """The picture once it has stood still for two seconds: a drag is many changes, and each clears the message."""
    before = None
    for _ in range(WAIT // 2000):
        if (now := picture(page)) == before:
            return now
        before = now
        time.sleep(2)
    raise AssertionError("the picture never stands still")


def state(page):
    """The state as the page tells it."""
    said = page.locator("pre", has_text="studio_edit(editor, face,").first.text_content()
    return json.loads(re.search(r"face, (\{.*\})\)", said)[1])


def wait_for_state(page, test):
    """The state once it passes the test and has stood still for a second: drags arrive one after the other."""
    before = None
    for _ in range(WAIT // 1000):
        if test(now := state(page)) and now == before:
            return now
        before = now
        time.sleep(1)
    raise AssertionError(f"the state stayed {state(page)}")


def drag(page, x, y, dx, dy, steps=30):
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, steps + 1):
        page.mouse.move(x + dx * i / steps, y + dy * i / steps)
    page.mouse.up()


def drag_slider(page, name):
    handle = page.locator(".widget-slider", has_text=name).locator(".noUi-handle").first
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    drag(page, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 80, 0)


def drag_point(page, index, dx, dy):
    """Drag a point by screen pixels."""
    canvas = page.locator(".g2gan-studio canvas").nth(1)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = map(float, canvas.get_attribute("data-points").split()[index].split(","))
    drag(page, box["x"] + (x + 0.5) * box["width"] / 384, box["y"] + (y + 0.5) * box["width"] / 384, dx, dy)


def no_errors(page):
    text = page.locator("body").text_content()
    assert "Traceback" not in text and "Error:" not in text
    assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"], [data-mime-type="application/vnd.jupyter.error"]').count() == 0


def use_studio(page, folder):
    """Slider, point, group, bad upload, reset, download: what changed, and what did not."""
    page.wait_for_selector(".g2gan-studio canvas")
    page.get_by_text("The same edit in code").first.click()
    page.wait_for_function("document.querySelectorAll('.g2gan-studio canvas')[1].width > 300")
    page.get_by_label("points", exact=True).uncheck()  # so that the canvas shows the face alone
    time.sleep(0.5)
    first, readout = picture(page), page.locator(".widget-slider", has_text="happiness").locator(".widget-readout").first
    drag_slider(page, "happiness")
    second = changed(page, first)
    wait_for_state(page, lambda s: s.get("expressions", {}).get("happiness", 0) == float(readout.text_content()) > 0.3)

    page.get_by_label("points", exact=True).check()
    changed(page, second)
    drag_point(page, 48, -12, -20)
    moved = wait_for_state(page, lambda s: "points" in s)
    assert list(moved["points"]) == ["48"] and moved["points"]["48"][0] < 0 and moved["points"]["48"][1] < 0
    page.get_by_role("button", name="its group").click()
    drag_point(page, 19, 0, -15)
    wait_for_state(page, lambda s: set(s["points"]) == {"17", "18", "19", "20", "21", "48"})

    bad = folder / "holiday.jpg"
    bad.write_text("this is no picture")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload a photo").click()
    chooser.value.set_files(bad)
    page.get_by_text("holiday.jpg: ").first.wait_for()
    assert state(page)["points"], "a bad upload keeps the face and its edit"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    download.value.save_as(folder / "edited.png")
    assert Image.open(folder / "edited.png").size == (144, 144)
    page.get_by_role("button", name="Reset").click()
    wait_for_state(page, lambda s: s == {})
    assert readout.text_content() == "0.00"
    no_errors(page)


def test_in_jupyterlab(page, tmp_path):
    cell = {"cell_type": "code", "id": "studio", "metadata": {}, "outputs": [], "execution_count": None, "source": CELL}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "studio.ipynb").write_text(json.dumps(book))
    port = free_port()
    with running("-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path}",
                 "--LabApp.news_url=None", port=port, cwd=tmp_path, JUPYTER_CONFIG_DIR=str(tmp_path / "config"), JUPYTERLAB_SETTINGS_DIR=str(tmp_path / "settings")):
        page.goto(f"http://127.0.0.1:{port}/lab/tree/studio.ipynb", wait_until="domcontentloaded")
        page.get_by_text("| Idle").first.wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        use_studio(page, tmp_path)


def test_without_a_notebook(page, tmp_path):
    pytest.importorskip("voila", reason="voila is not installed")
    port = free_port()
    with running("-c", "from g2gan.cli import main; main()", "studio", "--port", str(port), "--no-browser", port=port, cwd=tmp_path):
        page.goto(f"http://127.0.0.1:{port}/", wait_until="domcontentloaded")
        page.wait_for_selector(".g2gan-studio canvas")
        before = picture(page)
        drag_slider(page, "surprise")
        changed(page, before)
        settled(page)
        page.get_by_role("button", name="Camera").click()  # Chromium's own test picture, in which there is no face
        page.get_by_role("button", name="Take the picture").click()
        page.get_by_text(re.compile("^camera: ")).first.wait_for()
        no_errors(page)


def test_command_says_what_is_wrong(tmp_path, capsys, monkeypatch):
    from g2gan.cli import run
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        assert run(["studio", "--port", str(s.getsockname()[1]), "--no-browser"]) == 1
    assert "is taken" in capsys.readouterr().err
    assert run(["studio", "--photo", str(tmp_path / "none.jpg")]) == 1
    assert "there is no such photo" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a, found=importlib_find(): None if name == "voila" else found(name, *a))
    assert run(["studio", "--no-browser"]) == 1
    said = capsys.readouterr().err
    assert "pip install 'g2gan[studio]'" in said and said.count("\n") == 1


def importlib_find():
    import importlib.util
    return importlib.util.find_spec
