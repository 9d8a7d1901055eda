/* The page of `wam play`. It asks for the next frame when the last one was drawn, so nothing queues up; the server answers
   one for one. Real time is the model's own rate, unless "as fast as possible" is ticked. No dependencies. */
"use strict";

const $ = (id) => document.getElementById(id);
const make = (tag, parent, className) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  return parent.appendChild(node);
};

const CAPS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
const SPOKEN = { ArrowLeft: "left arrow", ArrowRight: "right arrow", ArrowUp: "up arrow", ArrowDown: "down arrow" };
const KEPT = 240; // frames in the plot
const WORDS = {
  waiting: "waiting for you: <b>hold a key to drive</b>",
  running: "<b>running</b>",
  paused: "<b>paused</b>",
  ended: "<b>the recording is over</b>; reset to go on",
  gone: "<b>not connected</b>",
};

let about = null; // the server's first message
let mode = "gone"; // waiting | running | paused | ended | gone
let busy = false; // a command is on its way
const queue = []; // the person's commands that wait for the answer to the one before; steps never do
let timer = 0;
let due = 0; // when the next frame is wanted, ms
let frame = null; // the last header
const held = new Set(); // keys that are down
const tapped = new Set(); // keys that went down since the last step: a short tap counts
const likeness = []; // {drift, real} of the last frames
const canvases = { imagined: new Map(), truth: new Map() };

// -- talking to the server ---------------------------------------------------------------------------------------------------

const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/play${location.search}`);
socket.binaryType = "arraybuffer";
socket.onmessage = ({ data }) => {
  if (typeof data !== "string") return received(data);
  const told = JSON.parse(data);
  if (!told.error) return welcomed(told);
  trouble(told.error);
  if (about) answered();
};
socket.onclose = () => {
  setMode("gone");
  for (const control of document.querySelectorAll("#starts button, #look, #replay, #chance")) control.disabled = true;
  trouble($("trouble").textContent || "The server is gone. Start it again, then load this page again.");
};

function ask(command) {
  clearTimeout(timer);
  if (socket.readyState !== WebSocket.OPEN) return;
  if (busy) {
    queue.push(command);
    return;
  }
  busy = true;
  socket.send(JSON.stringify(command));
}

function answered() {
  busy = false;
  if (queue.length) ask(queue.shift());
  else schedule();
}

function schedule() {
  clearTimeout(timer);
  if (mode !== "running" || busy) return;
  const now = performance.now();
  if ($("fast").checked || due <= now) return step();
  timer = setTimeout(step, due - now);
}

function step() {
  due = Math.max(performance.now(), due + 1000 / about.rate);
  const keys = [...new Set([...held, ...tapped])];
  tapped.clear();
  ask({ do: "step", keys });
}

function received(data) {
  const size = new DataView(data).getUint32(0, true);
  frame = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, size)));
  let offset = 4 + size;
  if (!canvases.imagined.size) layOut(frame.cameras);
  for (const kind of frame.truth ? ["imagined", "truth"] : ["imagined"]) {
    for (const [name, height, width] of frame.cameras) {
      draw(canvases[kind].get(name), new Uint8Array(data, offset, 3 * height * width), height, width);
      offset += 3 * height * width;
    }
  }
  told();
  if (mode === "gone") setMode("waiting");
  if (frame.over && frame.replaying && !queue.length) setMode("ended"); // unless a reset is on its way
  answered();
}

// -- showing -------------------------------------------------------------------------------------------------------------------

function draw(canvas, rgb, height, width) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  const out = image.data;
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    out[to] = rgb[from];
    out[to + 1] = rgb[from + 1];
    out[to + 2] = rgb[from + 2];
    out[to + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function layOut(cameras) {
  for (const [name] of cameras) {
    const pair = make("div", $("pictures"), "pair");
    for (const [kind, className, words] of [["truth", "truth", "true world"], ["imagined", "dream", "imagination"]]) {
      const figure = make("figure", pair, className);
      const caption = make("figcaption", figure);
      caption.textContent = words;
      if (cameras.length > 1) make("small", caption).textContent = ` camera ${name}`;
      const canvas = make("canvas", figure);
      canvas.id = `${kind}-${name}`;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${words}, camera ${name}`);
      canvases[kind].set(name, canvas);
    }
  }
}

function told() {
  $("pictures").classList.toggle("alone", !frame.truth);
  for (const canvas of canvases.truth.values()) canvas.parentElement.hidden = !frame.truth;
  $("rate").textContent = frame.rate ? frame.rate.toFixed(frame.rate < 10 ? 1 : 0) : "–";
  $("milliseconds").textContent = frame.step ? `${frame.milliseconds.toFixed(1)} ms` : "–";
  $("steps").textContent = frame.step;
  $("drift").textContent = frame.drift === null ? "–" : `${frame.drift.toFixed(1)} dB`;
  about.levers.forEach((lever, index) => lever.show(frame.action[index]));
  $("look").disabled = !frame.truth || frame.over;
  $("look").hidden = $("look-note").hidden = !about.truth && !frame.truth;
  $("drifting").hidden = !frame.truth;
  if (!queue.length) $("chance").checked = frame.chance;
  if (frame.clock === 0) likeness.length = 0;
  likeness.push({ drift: frame.drift, real: frame.step === 0 });
  if (likeness.length > KEPT) likeness.shift();
  plot();
  $("starts").childNodes.forEach((button, index) => button.setAttribute("aria-pressed", index === frame.start));
  const start = about.starts[frame.start];
  $("replay").hidden = !start.replay;
  $("instruction").hidden = !start.instruction;
  $("instruction").textContent = `Its task: ${start.instruction}`;
  $("clock").textContent = clockWords();
}

function clockWords() {
  const pace = `One step is ${(1 / about.rate).toPrecision(2)} s`;
  const several = about.levers.length && about.per_step > 1 ? `, the same action ${about.per_step} times` : "";
  if (!frame.truth) return `${pace}${several}. No true world runs along, so drift is unknown.`;
  return frame.over && !frame.replaying ? "The true episode has ended and stands still; reset to drive both again." : `${pace}${several}.`;
}

function plot() {
  const canvas = $("plot"), ratio = devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  if (!box.width) return;
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name);
  pen.scale(ratio, ratio);
  const left = 34, top = 8, width = box.width - left - 6, height = box.height - top - 10;
  const shown = likeness.map((one) => one.drift).filter((drift) => drift !== null);
  const ceiling = Math.max(30, 10 * Math.ceil(Math.max(0, ...shown) / 10));
  const x = (index) => left + (width * index) / Math.max(59, likeness.length - 1), y = (drift) => top + height * (1 - Math.max(0, drift) / ceiling);
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (let level = 0; level <= ceiling; level += 10) {
    pen.fillStyle = colour("--grid");
    pen.fillRect(left, y(level), width, 1);
    pen.fillStyle = colour("--soft");
    pen.fillText(level, left - 7, y(level));
  }
  pen.strokeStyle = colour("--true");
  pen.setLineDash([4, 4]);
  likeness.forEach((one, index) => {
    if (!one.real) return;
    pen.beginPath();
    pen.moveTo(x(index), top);
    pen.lineTo(x(index), top + height);
    pen.stroke();
  });
  pen.setLineDash([]);
  pen.strokeStyle = pen.fillStyle = colour("--dream");
  pen.lineWidth = 1.5;
  pen.beginPath();
  likeness.forEach((one, index) => {
    if (one.drift === null) return;
    const before = index && likeness[index - 1].drift !== null;
    pen[before ? "lineTo" : "moveTo"](x(index), y(one.drift));
  });
  pen.stroke();
  likeness.forEach((one, index) => {
    if (one.drift !== null) pen.fillRect(x(index) - 1.5, y(one.drift) - 1.5, 3, 3);
  });
}

// -- the person ----------------------------------------------------------------------------------------------------------------

function welcomed(told) {
  about = told;
  document.title = `wam play: ${about.title}`;
  $("title").textContent = about.title;
  $("lead").hidden = false;
  if (!about.levers.length) WORDS.waiting = "waiting for you: <b>press Space</b>";
  $("lead").textContent =
    (about.levers.length
      ? "You drive a world that a model imagines: it saw a real frame and your actions, nothing else. "
      : "A model imagines on by itself: it saw a real frame and, where one is shown, its task. ") +
    (about.truth ? "Beside it runs the true world, with the same actions." : "Nobody knows what would truly have happened, but for what was recorded.");
  $("chance-label").hidden = !about.stochastic;
  about.levers = about.levers.map(lever);
  if (!about.levers.length) make("p", $("levers"), "note").textContent = "This model is told no actions, so no key changes what it imagines. Space lets it go on.";
  about.starts.forEach((start, index) => {
    const button = make("button", $("starts"));
    button.setAttribute("aria-label", start.name);
    button.title = start.name;
    const rgb = Uint8Array.from(atob(start.rgb), (letter) => letter.charCodeAt(0));
    draw(make("canvas", button), rgb, start.height, start.width);
    button.onclick = () => reset({ start: index });
  });
}

function lever({ slot, less, more, toggle }) {
  const row = make("div", $("levers"), "lever");
  cap(row, toggle || less, toggle ? `${slot.name}: open or close` : `${slot.name}: less`);
  const middle = make("div", row), name = make("div", middle, "name");
  make("span", name).textContent = slot.name;
  name.title = slot.meaning || slot.name;
  const value = make("span", name, "value"), bar = make("i", make("div", middle, "track"));
  cap(row, more, `${slot.name}: more`);
  const share = (number) => (100 * (number - slot.low)) / (slot.high - slot.low || 1);
  const show = (number) => {
    const text = toggle ? (number > (slot.low + slot.high) / 2 ? "open" : "closed") : `${number.toFixed(Math.abs(slot.high - slot.low) < 10 ? 3 : 1)} ${slot.unit}`;
    const from = slot.relative ? share(0) : 0, to = share(number);
    value.textContent = text.replace("-", "−");
    bar.style.left = `${Math.min(from, to)}%`;
    bar.style.width = `${Math.max(Math.abs(to - from), 1)}%`;
  };
  return { keys: [less, more, toggle].filter(Boolean), show };
}

function cap(row, key, words) {
  const button = make("button", row, "cap");
  button.textContent = CAPS[key] || key.toUpperCase();
  button.disabled = !key;
  button.dataset.key = key;
  button.setAttribute("aria-label", `${words} (${SPOKEN[key] || key})`);
  button.setAttribute("aria-pressed", "false");
  button.onpointerdown = (event) => {
    event.preventDefault();
    button.setPointerCapture(event.pointerId);
    press(key);
  };
  button.onpointerup = button.onpointercancel = () => release(key);
}

function lit() {
  for (const button of document.querySelectorAll(".cap")) button.setAttribute("aria-pressed", held.has(button.dataset.key));
}

function press(key) {
  held.add(key);
  tapped.add(key);
  lit();
  if (mode === "waiting") go();
}

function release(key) {
  held.delete(key);
  lit();
}

function go() {
  setMode("running");
  due = performance.now();
  schedule();
}

function setMode(now) {
  mode = now;
  clearTimeout(timer); // no step comes after a pause
  $("status").innerHTML = WORDS[mode];
  $("pause").firstElementChild.textContent = mode === "running" ? "Pause" : "Go";
  $("pause").setAttribute("aria-pressed", mode === "paused");
  for (const id of ["pause", "step"]) $(id).disabled = mode === "gone" || mode === "ended";
  $("reset").disabled = mode === "gone";
}

function reset(more = {}) {
  if (socket.readyState !== WebSocket.OPEN) return;
  $("trouble").textContent = ""; // what is told when the server goes is told anew
  $("trouble").hidden = true;
  tapped.clear();
  setMode("waiting");
  ask({ do: "reset", ...more });
}

function trouble(words) {
  $("trouble").textContent = words;
  $("trouble").hidden = false;
}

const HOT = {
  " ": () => $("pause").click(),
  ".": () => $("step").click(),
  Backspace: () => $("reset").click(),
  Enter: () => $("look").click(),
};

$("pause").onclick = () => (mode === "running" ? setMode("paused") : go());
$("step").onclick = () => {
  setMode("paused");
  if (!busy) step();
};
$("reset").onclick = () => reset();
$("look").onclick = () => ask({ do: "look" });
$("replay").onclick = () => {
  reset({ replay: true });
  setMode("running");
};
$("fast").onchange = () => {
  due = performance.now();
  schedule();
};
$("chance").onchange = () => ask({ do: "chance", on: $("chance").checked });

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !about) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const drives = about.levers.some((lever) => lever.keys.includes(key));
  if (!drives && !(key in HOT)) return;
  if (!drives && event.target.matches("button, input") && (key === " " || key === "Enter")) return; // the button's own
  event.preventDefault();
  if (event.repeat) return;
  if (drives) press(key);
  else HOT[key]();
});
addEventListener("keyup", (event) => release(event.key.length === 1 ? event.key.toLowerCase() : event.key));
addEventListener("pointerup", () => document.activeElement.matches("button, input") && document.activeElement.blur());
addEventListener("blur", () => {
  held.clear();
  lit();
});
addEventListener("resize", () => frame && plot());
