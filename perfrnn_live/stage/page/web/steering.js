// Faders, modes, actions and pads: what the table names, where the state says it stands.

import { make } from "./elements.js";

const STORE_MS = 600; // a finger that rests so long
const SHOWN = ["again", "freeze", "moment", "phrase_over", "start", "stop", "save_pads"];
const DRAG = 1.2; // of a fader's width for its whole way: a hand that trembles turns nothing

function held(element, act) { // call `act` when a finger rests on the element
  let timer = null;
  element.addEventListener("pointerdown", () => { timer = setTimeout(act, STORE_MS); });
  for (const name of ["pointerup", "pointerleave", "pointercancel"]) element.addEventListener(name, () => clearTimeout(timer));
}

export class Steering {
  constructor(page, wish) {
    Object.assign(this, { page, wish, faders: new Map(), pads: new Map(), held: null, stands: {} });
    page.panic.onclick = () => wish("do", "panic");
  }

  build({ knobs, actions }) { // once, and again after each connection, for it may be another session
    const { page, wish } = this;
    this.faders.clear();
    page.modes.replaceChildren(make("legend", { textContent: "mode" }));
    page.knobs.replaceChildren();
    for (const knob of knobs) knob.name === "mode" ? this.modes(knob) : page.knobs.append(this.fader(knob));
    const shown = SHOWN.filter((name) => actions.includes(name));
    page.actions.replaceChildren(...shown.map((name) => make("button",
      { textContent: name.replaceAll("_", " "), onclick: () => wish("do", name) })));
    const pads = actions.filter((name) => name.startsWith("recall_")).map((name) => name.slice("recall_".length));
    page.pads.replaceChildren(...pads.map((number) => this.pad(number)));
  }

  modes({ options }) {
    this.modeInputs = options.map((mode, place) => {
      const input = make("input", { type: "radio", name: "mode", value: mode });
      const position = Math.ceil(place * 128 / options.length);
      input.onchange = () => this.wish("turn", "mode", position);
      this.page.modes.append(make("label", { className: "mode" }, input, make("span", { textContent: mode })));
      return input;
    });
  }

  fader({ name, label, cc }) {
    const input = make("input", { type: "range", min: 0, max: 127, step: 1, id: `knob-${name}` });
    const text = make("output", { htmlFor: input.id });
    const way = make("div", { className: "fader" }, input);
    const caption = make("label", { htmlFor: input.id, textContent: `${label} ` },
      make("span", { className: "cc", textContent: `CC ${cc}` }));
    held(caption, () => this.wish("learn", name)); // then whatever is moved turns it from now on
    input.oninput = () => this.wish("turn", name, Number(input.value)); // by the keyboard, or a screen reader
    // by touch it moves as the finger moves, from where it stands: it never jumps to the finger
    way.onpointerdown = (event) => {
      way.setPointerCapture(event.pointerId);
      this.held = { name, x: event.clientX, from: Number(input.value) };
    };
    way.onpointermove = (event) => {
      if (this.held?.name !== name) return;
      const moved = (event.clientX - this.held.x) / (way.clientWidth * DRAG) * 127;
      const position = Math.round(Math.min(Math.max(this.held.from + moved, 0), 127));
      if (position === Number(input.value)) return;
      input.value = position;
      this.wish("turn", name, position);
    };
    way.onpointerup = way.onpointercancel = () => { this.held = null; };
    this.faders.set(name, { input, text });
    return make("div", { className: "knob" }, caption, text, way);
  }

  pad(number) { // touched it is recalled, held it is stored
    const picture = make("canvas", { width: 64, height: 32 });
    const button = make("button", { ariaLabel: `pad ${number}, empty` }, make("span", { textContent: number }), picture);
    this.pads.set(number, { button, picture });
    let timer = null;
    button.onpointerdown = () => {
      timer = setTimeout(() => { timer = null; button.classList.add("pressed"); this.wish("do", `store_${number}`); }, STORE_MS);
    };
    button.onpointerup = button.onpointerleave = (event) => {
      button.classList.remove("pressed");
      if (timer === null) return;
      clearTimeout(timer);
      timer = null;
      if (event.type === "pointerup") this.wish("do", `recall_${number}`);
    };
    button.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === " ") this.wish("do", `${event.shiftKey ? "store" : "recall"}_${number}`);
    };
    return button;
  }

  store(pads) { // what they hold: in words, and the last strikes
    for (const [number, [words, struck]] of Object.entries(pads)) {
      const { button, picture } = this.pads.get(number) ?? {};
      if (!button) continue;
      button.title = words;
      button.ariaLabel = `pad ${number}: ${words}`;
      const pen = picture.getContext("2d"), longest = Math.max(struck[0]?.[0] ?? 0, 0.1);
      pen.clearRect(0, 0, picture.width, picture.height);
      for (const [ago, pitch, loudness] of struck) {
        pen.globalAlpha = 0.4 + 0.6 * loudness / 31;
        pen.fillStyle = "#56b4e9";
        pen.fillRect((1 - ago / longest) * (picture.width - 3), (108 - pitch) / 88 * (picture.height - 2), 3, 2);
      }
    }
  }

  show(knobs) {
    for (const [name, [position, words]] of Object.entries(knobs)) {
      this.stands[name] = position;
      if (name === "mode") {
        for (const input of this.modeInputs) input.checked = input.value === words;
        continue;
      }
      const fader = this.faders.get(name);
      if (!fader) continue;
      fader.text.value = words;
      fader.input.ariaValueText = words;
      if (this.held?.name !== name) fader.input.value = position;
    }
  }
}
