// Two pictures, before and after, and 68 points on the second one that a mouse or a finger can move.
// Plain JavaScript, nothing is fetched. What Python says is in `model`: before, after (JPEG bytes), size, points, groups,
// lines, grab, show, seen. What it hears is `drag`: {serial, to: {point: [x, y]}}.
const NEAR = 14, ACCENT = "#0a7d55", LATEST = 2000; // pixels; colour; milliseconds to wait for an answer

function pane(root, title) {
  const box = document.createElement("figure"), caption = document.createElement("figcaption"), canvas = document.createElement("canvas");
  box.style.cssText = "margin:0;flex:1 1 240px;min-width:0";
  caption.style.cssText = "font:600 13px system-ui,sans-serif;margin:0 0 6px;color:var(--jp-ui-font-color1,#333)";
  canvas.style.cssText = "width:100%;height:auto;border-radius:6px;display:block;background:#ddd";
  caption.textContent = title;
  box.append(caption, canvas);
  root.append(box);
  return canvas;
}

// Show JPEG bytes; when several come quickly, an early one must not overwrite a later one.
function decoder(done) {
  let latest = 0;
  return async (bytes) => {
    const mine = ++latest;
    if (!bytes || !bytes.byteLength) return;
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    if (mine === latest) done(bitmap);
  };
}

// At most one message is on its way: what happens meanwhile is gathered and sent when the answer is there.
function messenger(model) {
  let waiting = null, gathered = {};
  const send = () => {
    if (waiting || !Object.keys(gathered).length) return;
    model.set("drag", { serial: (model.get("drag").serial || 0) + 1, to: gathered });
    model.save_changes();
    gathered = {};
    waiting = setTimeout(answered, LATEST);
  };
  const answered = () => { clearTimeout(waiting); waiting = null; send(); };
  return { answered, move(i, place) { gathered[i] = place.map((v) => Math.round(v * 100) / 100); send(); },
           busy: () => waiting !== null };
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "g2gan-studio";
  root.style.cssText = "display:flex;gap:14px;align-items:flex-start;width:100%";
  el.append(root);
  const left = pane(root, "Before"), right = pane(root, "After");
  right.style.touchAction = "none"; // a finger moves points and does not scroll
  right.tabIndex = 0;
  right.style.outline = "none";
  const out = messenger(model);
  let points = model.get("points"), held = [], hover = [], from = null, selected = [];
  const pictures = {};

  const scale = () => right.clientWidth / (model.get("size")[0] || 1);
  function fit(canvas) { // as many pixels as the screen has
    const [w, h] = model.get("size"), ratio = Math.max(1, window.devicePixelRatio || 1) * Math.max(1, canvas.clientWidth / w);
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) [canvas.width, canvas.height] = [w * ratio, h * ratio].map(Math.round);
    const pen = canvas.getContext("2d");
    pen.setTransform(canvas.width / w, 0, 0, canvas.height / h, 0, 0);
    pen.imageSmoothingQuality = "high";
    return [pen, w, h];
  }
  function draw() {
    const [pen, w, h] = fit(right);
    pen.clearRect(0, 0, w, h);
    if (pictures.after) pen.drawImage(pictures.after, 0, 0, w, h);
    right.dataset.points = points.map((xy) => xy.join(",")).join(" "); // for programs that use the page
    if (!model.get("show")) return;
    const marked = new Set([...(held.length ? held : hover), ...selected]), unit = 1 / scale();
    for (const [colour, width] of [["rgba(0,0,0,.35)", 2.6], ["rgba(255,255,255,.85)", 1.1]]) { // light on dark: seen on any skin
      pen.strokeStyle = colour;
      pen.lineWidth = width * unit;
      for (const line of model.get("lines")) {
        pen.beginPath();
        line.forEach((i, k) => pen[k ? "lineTo" : "moveTo"](points[i][0] + 0.5, points[i][1] + 0.5));
        pen.stroke();
      }
    }
    points.forEach(([x, y], i) => {
      pen.beginPath();
      pen.arc(x + 0.5, y + 0.5, (marked.has(i) ? 5 : 3) * unit, 0, 7);
      pen.fillStyle = marked.has(i) ? ACCENT : "#fff";
      pen.strokeStyle = marked.has(i) ? "#fff" : "rgba(0,0,0,.6)";
      pen.lineWidth = unit;
      pen.fill();
      pen.stroke();
    });
  }
  function drawBefore() {
    const [pen, w, h] = fit(left);
    if (pictures.before) pen.drawImage(pictures.before, 0, 0, w, h);
  }

  const place = (event) => {
    const box = right.getBoundingClientRect(), k = 1 / scale();
    return [(event.clientX - box.left) * k - 0.5, (event.clientY - box.top) * k - 0.5];
  };
  function near([x, y]) { // the point under the mouse, with its group if groups are grabbed
    if (!model.get("show")) return [];
    let best = NEAR / scale(), found = -1;
    points.forEach(([px, py], i) => { const d = Math.hypot(px - x, py - y); if (d < best) [best, found] = [d, i]; });
    if (found < 0) return [];
    return model.get("grab") === "group" ? model.get("groups").find((g) => g.includes(found)) || [found] : [found];
  }
  function shift(which, dx, dy) {
    const [w, h] = model.get("size");
    for (const i of which) {
      points[i] = [Math.min(Math.max(points[i][0] + dx, 0), w - 1), Math.min(Math.max(points[i][1] + dy, 0), h - 1)];
      out.move(i, points[i]);
    }
    draw();
  }

  right.addEventListener("pointerdown", (event) => {
    from = place(event);
    held = selected = near(from);
    if (held.length) { right.setPointerCapture(event.pointerId); event.preventDefault(); right.focus({ preventScroll: true }); }
    draw();
  });
  right.addEventListener("pointermove", (event) => {
    const to = place(event);
    if (held.length) { shift(held, to[0] - from[0], to[1] - from[1]); from = to; return; }
    const now = near(to);
    if (now.join() !== hover.join()) { hover = now; right.style.cursor = now.length ? "grab" : "default"; draw(); }
  });
  for (const kind of ["pointerup", "pointercancel"]) right.addEventListener(kind, () => { held = []; draw(); });
  right.addEventListener("pointerleave", () => { hover = []; draw(); });
  right.addEventListener("keydown", (event) => { // arrows move what was grabbed last
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step && selected.length) { event.preventDefault(); event.stopPropagation(); shift(selected, ...step); }
  });

  const showAfter = decoder((bitmap) => { pictures.after = bitmap; draw(); });
  const showBefore = decoder((bitmap) => { pictures.before = bitmap; drawBefore(); });
  const listen = {
    "change:after": () => showAfter(model.get("after")),
    "change:before": () => showBefore(model.get("before")),
    "change:points": () => { if (!held.length && !out.busy()) { points = model.get("points").map((p) => [...p]); draw(); } },
    "change:seen": () => { out.answered(); listen["change:points"](); },
    "change:show": draw,
    "change:size": () => { selected = []; drawBefore(); draw(); },
  };
  for (const [event, act] of Object.entries(listen)) model.on(event, act);
  const save = (message, buffers) => { // a file made by Python goes where the browser puts downloads
    if (message.kind !== "file") return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([buffers[0]], { type: message.type }));
    link.download = message.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  model.on("msg:custom", save);
  points = points.map((p) => [...p]);
  const watcher = new ResizeObserver(() => { drawBefore(); draw(); });
  watcher.observe(right);
  showBefore(model.get("before"));
  showAfter(model.get("after"));
  return () => { watcher.disconnect(); for (const [event, act] of Object.entries(listen)) model.off(event, act); model.off("msg:custom", save); };
}

export default { render };
