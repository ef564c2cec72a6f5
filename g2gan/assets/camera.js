// A button that opens the camera, shows what it sees, and sends one picture. Plain JavaScript, nothing is fetched.
function render({ model, el }) {
  const button = document.createElement("button"), video = document.createElement("video");
  button.className = "jupyter-widgets jupyter-button lm-Widget widget-button";
  button.style.cssText = "width:auto;min-width:110px;margin:2px";
  button.textContent = "Camera";
  video.style.cssText = "display:none;width:240px;border-radius:6px;margin:4px 2px;transform:scaleX(-1)"; // as in a mirror
  video.muted = video.playsInline = true;
  el.append(button, video);
  let stream = null;
  function close() {
    if (stream) stream.getTracks().forEach((track) => track.stop());
    stream = null;
    video.style.display = "none";
    button.textContent = "Camera";
  }
  function tell(name) { model.set("problem", `${name}#${Date.now()}`); model.save_changes(); } // the time makes it new each time
  async function open() {
    if (!navigator.mediaDevices) return tell("NotSupportedError");
    try { stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" } }); }
    catch (error) { return tell(error.name); }
    video.srcObject = stream;
    video.style.display = "block";
    await video.play(); // before that there is no picture to take
    button.textContent = "Take the picture";
  }
  async function take() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    close();
    const file = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
    if (!file) return tell("NoPicture");
    model.set("shot", new DataView(await file.arrayBuffer()));
    model.save_changes();
  }
  button.onclick = async () => {
    button.disabled = true;
    try { await (stream ? take() : open()); } finally { button.disabled = false; }
  };
  return close;
}

export default { render };
