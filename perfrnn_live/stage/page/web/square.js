// A square between the last four pads: across it leads morph, and down it leads across.

import { make } from "./elements.js";

export class Square {
  // `turn(name, position)` turns a knob.
  constructor(element, turn) {
    Object.assign(this, { element, turn, stands: { morph: 0, across: 0 }, held: null });
    this.dot = make("span", { className: "dot" });
    const corners = ["0", "1", "2", "3"].map((place) => make("span", { className: `corner c${place}` }));
    this.corners = corners;
    element.append(...corners, this.dot);
    element.onpointerdown = (event) => { element.setPointerCapture(event.pointerId); this.held = event.pointerId; this.moved(event); };
    element.onpointermove = (event) => { if (this.held === event.pointerId) this.moved(event); };
    element.onpointerup = element.onpointercancel = () => { this.held = null; };
  }

  moved(event) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    const within = (share) => Math.round(Math.min(Math.max(share, 0), 1) * 127);
    this.go("morph", within((event.clientX - left) / width));
    this.go("across", within((event.clientY - top) / height));
  }

  go(name, position) {
    if (this.stands[name] === position) return;
    this.stands[name] = position;
    this.turn(name, position);
    this.draw();
  }

  show(knobs) {
    for (const name of ["morph", "across"])
      if (knobs[name] && this.held === null) this.stands[name] = knobs[name][0];
    this.draw();
  }

  use(numbers) { // the pads that are its corners, the one used last at the end
    const [last, before, third, fourth] = [...numbers].reverse();
    const named = [before, last, fourth, third]; // above from left to right, then below
    this.corners.forEach((corner, place) => { corner.textContent = named[place] ?? ""; });
    this.element.hidden = numbers.length < 2;
  }

  draw() {
    this.dot.style.left = `${this.stands.morph / 1.27}%`;
    this.dot.style.top = `${this.stands.across / 1.27}%`;
  }
}
