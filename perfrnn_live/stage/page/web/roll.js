// The roll and the keyboard on one canvas: what is planned falls onto the keys, what has sounded sinks below them.

import { MACHINE, YOU } from "./music.js";
import { HIGHEST, LOWEST, isBlack, keyAt, layout, nameOf } from "./keys.js";

const AHEAD_S = 0.7, BEHIND_S = 8;
const AHEAD_SHARE = 0.3, KEYS_SHARE = 0.22; // of the height
const GRIP = 18; // pixels, of what is dragged
const COLOURS = ["#56b4e9", "#e69f00"], BOTH = "#f0e442";

export class Roll {
  // `now()` is the session's time; `play(pitch, velocity)` is called when a key is touched.
  // `turn(knob, pitch)` when an end of the machine's range, or the split, is dragged there.
  constructor(canvas, music, now, play, turn, scrolled) {
    Object.assign(this, { canvas, music, now, play, turn, scrolled, back: 0, touches: new Map(), drawn: 0, longest: 0 });
    this.ends = { lowest: 0, highest: 127, split: 0 }; // pitches; a split at 0 is off
    this.pen = canvas.getContext("2d");
    this.octaves = [LOWEST, HIGHEST];
    for (const [name, act] of [["pointerdown", "down"], ["pointermove", "moved"], ["pointerup", "up"], ["pointercancel", "up"]])
      canvas.addEventListener(name, (event) => this[act](event));
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.scroll(this.back + event.deltaY / 100); },
      { passive: false });
    requestAnimationFrame(() => this.frame());
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const dense = Math.min(devicePixelRatio, 2);
    if (width === this.width && height === this.height && dense === this.dense) return;
    Object.assign(this, { width, height, dense });
    this.canvas.width = width * dense;
    this.canvas.height = height * dense;
    this.top = Math.round(height * AHEAD_SHARE);
    this.bottom = this.top + Math.round(Math.max(height * KEYS_SHARE, 64));
    // a phone has five octaves around the middle: keys must be wide enough for a finger
    this.octaves = width < 700 ? [36, 96] : [LOWEST, HIGHEST];
    this.keys = layout(width, ...this.octaves);
  }

  scroll(seconds) {
    this.back = Math.min(Math.max(seconds, 0), 600 - BEHIND_S);
    this.scrolled(this.back > 0);
  }

  frame() {
    const began = performance.now();
    this.resize();
    const now = this.now();
    if (this.width && !Number.isNaN(now)) this.draw(now);
    this.drawn += 1;
    this.longest = Math.max(this.longest, performance.now() - began);
    requestAnimationFrame(() => this.frame());
  }

  draw(now) {
    const { pen, music, width, height, top, bottom } = this;
    pen.setTransform(this.dense, 0, 0, this.dense, 0, 0);
    pen.fillStyle = "#14171a";
    pen.fillRect(0, 0, width, height);
    this.lines();
    if (this.back === 0) {
      for (const note of music.planned.values()) this.planned(note, now, 0.45);
      for (const note of music.sounding[MACHINE].values())
        if (note.until > now) this.ahead(note.pitch, now, note.until, now, COLOURS[MACHINE], 0.45);
      for (const note of music.faded) this.planned(note, now, 0.45 * music.fadeOf(note, now));
    }
    const seen = now - this.back, oldest = seen - BEHIND_S;
    for (let place = music.notes.length - 1; place >= 0; place--) {
      const note = music.notes[place];
      if (note.from < oldest - 30) break; // notes are by when they began; none lasts longer
      if ((note.to ?? now) >= oldest && note.from <= seen) this.behind(note, seen, now);
      if (note.quotes && note.from >= oldest && note.from <= seen) this.arc(note, seen);
    }
    for (const pedal of music.pedals) this.pedal(pedal, seen, now);
    for (const mark of music.marks) this.mark(mark, seen);
    this.keyboard();
    this.handles();
    music.forget(now);
  }

  lines() {
    const { pen, height } = this;
    pen.fillStyle = "#23282d";
    for (const [pitch, { x }] of this.keys) if (pitch % 12 === 0) pen.fillRect(Math.round(x), 0, 1, height);
  }

  ahead(pitch, from, to, now, colour, alpha) { // seconds from now on, above the keys
    const key = this.keys.get(pitch);
    if (!key) return;
    const { pen, top } = this, scale = top / AHEAD_S;
    const low = top - Math.max(from - now, 0) * scale, high = top - Math.max(to - now, 0) * scale;
    pen.globalAlpha = alpha;
    pen.fillStyle = colour;
    pen.fillRect(key.x + 1, high, key.width - 2, Math.max(low - high, 3));
    pen.globalAlpha = 1;
  }

  planned(note, now, alpha) {
    this.ahead(note.pitch, note.from, note.until ?? note.to ?? note.from + 0.12, now, COLOURS[MACHINE],
      alpha * (0.4 + 0.6 * note.velocity / 127));
  }

  behind(note, seen, now) {
    const key = this.keys.get(note.pitch);
    if (!key) return;
    const { pen, bottom, height } = this, scale = (height - bottom) / BEHIND_S;
    const low = bottom + Math.max(seen - note.from, 0) * scale;
    const high = bottom + Math.max(seen - (note.to ?? Math.min(now, seen)), 0) * scale;
    pen.globalAlpha = 0.35 + 0.65 * note.velocity / 127;
    pen.fillStyle = COLOURS[note.who];
    pen.fillRect(key.x + 1, high, Math.max(key.width - 2, 2), Math.max(low - high, 2));
    pen.globalAlpha = 1;
  }

  arc({ pitch, from, quotes }, seen) { // from a note to what it quotes
    const here = this.keys.get(pitch), there = this.keys.get(quotes.pitch);
    if (!here || !there) return;
    const { pen, bottom, height } = this, scale = (height - bottom) / BEHIND_S;
    const x = here.x + here.width / 2, y = bottom + (seen - from) * scale;
    const toX = there.x + there.width / 2, toY = Math.min(bottom + (seen - quotes.at) * scale, height);
    pen.globalAlpha = 0.35;
    pen.strokeStyle = BOTH;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.quadraticCurveTo(Math.max(x, toX) + 40, (y + toY) / 2, toX, toY);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  pedal({ who, from, to }, seen, now) { // a band at the left, the machine's, or at the right, yours
    const { pen, bottom, height, width } = this, scale = (height - bottom) / BEHIND_S;
    const high = bottom + Math.max(seen - (to ?? now), 0) * scale, low = bottom + Math.max(seen - from, 0) * scale;
    if (low <= bottom || high >= height) return;
    pen.globalAlpha = 0.6;
    pen.fillStyle = COLOURS[who];
    pen.fillRect(who === MACHINE ? 0 : width - 5, high, 5, low - high);
    pen.globalAlpha = 1;
  }

  mark({ at, what }, seen) {
    const { pen, bottom, height, width } = this;
    const y = bottom + (seen - at) * (height - bottom) / BEHIND_S;
    if (y < bottom + 2 || y > height) return;
    pen.fillStyle = "#b4bec6";
    pen.fillRect(0, y, width, 1);
    pen.font = "12px system-ui, sans-serif";
    pen.fillText(what, 10, y - 3);
  }

  keyboard() {
    const { pen, top, bottom } = this;
    for (const black of [false, true]) {
      for (const [pitch, key] of this.keys) {
        if (isBlack(pitch) !== black) continue;
        pen.fillStyle = this.colourOf(pitch) ?? (black ? "#0b0d0f" : "#f2f4f5");
        const height = (bottom - top) * (black ? 0.62 : 1);
        pen.fillRect(key.x + 0.5, top, key.width - 1, height);
        if (black) { pen.strokeStyle = "#5b6670"; pen.strokeRect(key.x + 0.5, top, key.width - 1, height); }
        if (pitch % 12 === 0 && key.width > 18) {
          pen.fillStyle = "#14171a";
          pen.font = "11px system-ui, sans-serif";
          pen.fillText(nameOf(pitch), key.x + 3, bottom - 5);
        }
      }
    }
  }

  colourOf(pitch) {
    const [machine, you] = [MACHINE, YOU].map((who) => this.music.sounding[who].has(pitch));
    const touched = [...this.touches.values()].some((touch) => touch.pitch === pitch);
    if (machine && (you || touched)) return BOTH;
    return machine ? COLOURS[MACHINE] : you || touched ? COLOURS[YOU] : null;
  }

  show(knobs) { // where the ends of the range and the split stand
    for (const name of Object.keys(this.ends)) if (knobs[name]) this.ends[name] = knobs[name][0];
  }

  placeOf(name) { // where its handle is: those that are beyond the keys wait at their ends
    const [lowest, highest] = this.octaves, pitch = this.ends[name];
    if (pitch > highest || (name === "highest" && pitch === highest)) return this.width;
    const left = this.keys.get(Math.max(pitch, lowest));
    return name === "highest" ? left.x + left.width : left.x;
  }

  handles() { // brackets around the range, a line at the split
    const { pen, top, bottom, width } = this;
    const [low, high, split] = ["lowest", "highest", "split"].map((name) => this.placeOf(name));
    pen.fillStyle = "#14171aa0";
    pen.fillRect(0, top, Math.min(low, high), bottom - top);
    pen.fillRect(Math.max(low, high), top, width, bottom - top);
    pen.fillStyle = COLOURS[MACHINE];
    for (const [x, out] of [[low, 1], [high, -1]]) pen.fillRect(Math.min(x, x + out * GRIP), top - GRIP, GRIP, GRIP);
    pen.fillStyle = COLOURS[YOU];
    if (this.ends.split > 0) pen.fillRect(split - 1, top - GRIP, 3, bottom - top + GRIP);
    pen.beginPath();
    pen.arc(Math.max(split, GRIP / 2), top - GRIP * 1.7, GRIP / 2, 0, 7);
    pen.fill();
  }

  handleAt(x, y) {
    if (y > this.top || y < this.top - GRIP * 2.6) return null;
    const names = y < this.top - GRIP * 1.1 ? ["split"] : ["lowest", "highest"];
    return names.find((name) => Math.abs(this.placeOf(name) - x) < GRIP * 1.6) ?? null;
  }

  drag(name, x) {
    const [lowest, highest] = this.octaves;
    const key = keyAt(this.keys, Math.min(Math.max(x, 0), this.width - 1), false) ?? lowest;
    const atEnd = x < GRIP / 2 ? "first" : x > this.width - GRIP / 2 ? "last" : null;
    const pitch = atEnd === "first" ? (name === "highest" ? lowest : 0) : atEnd === "last" ? (name === "lowest" ? highest : 127) : key;
    if (this.ends[name] === pitch) return;
    this.ends[name] = pitch;
    this.turn(name, pitch);
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    const handle = this.handleAt(event.offsetX, event.offsetY);
    if (handle) {
      this.touches.set(event.pointerId, { handle });
      return;
    }
    if (event.offsetY < this.top || event.offsetY >= this.bottom) {
      this.touches.set(event.pointerId, { y: event.offsetY, back: this.back });
      return;
    }
    this.strike(event);
  }

  strike(event) {
    const depth = (event.offsetY - this.top) / (this.bottom - this.top);
    const pitch = keyAt(this.keys, event.offsetX, depth < 0.62);
    if (pitch === null) return;
    this.touches.set(event.pointerId, { pitch });
    this.play(pitch, Math.round(25 + 95 * depth)); // the nearer to the edge, the louder
  }

  moved(event) {
    const touch = this.touches.get(event.pointerId);
    if (touch === undefined) return;
    if (touch.handle) {
      this.drag(touch.handle, event.offsetX);
      return;
    }
    if (touch.pitch === undefined) {
      this.scroll(touch.back - (event.offsetY - touch.y) * BEHIND_S / (this.height - this.bottom));
      return;
    }
    if (event.offsetY < this.top || event.offsetY >= this.bottom) return;
    const depth = (event.offsetY - this.top) / (this.bottom - this.top);
    const pitch = keyAt(this.keys, event.offsetX, depth < 0.62);
    if (pitch !== null && pitch !== touch.pitch) { // a finger that slides plays every key it meets
      this.play(touch.pitch, 0);
      this.strike(event);
    }
  }

  up(event) {
    const touch = this.touches.get(event.pointerId);
    this.touches.delete(event.pointerId);
    if (touch?.pitch !== undefined) this.play(touch.pitch, 0);
  }
}
