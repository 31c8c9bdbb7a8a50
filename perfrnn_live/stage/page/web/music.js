// What sounded, what sounds and what is planned, by the rows that came.

export const MACHINE = 0, YOU = 1;
const REMEMBERED_S = 600, FADE_S = 0.4;

export class Music {
  constructor() { this.clear(); }

  clear() {
    this.notes = []; // {pitch, velocity, from, to (null while it sounds), who}, by when they began
    this.planned = new Map(); // number → {pitch, velocity, from, to}
    this.faded = []; // what was planned and taken back: {…, gone}
    this.sounding = [new Map(), new Map()]; // pitch → note, of each player
    this.pedals = []; // {who, from, to}
    this.marks = []; // {at, what}
  }

  hear([kind, at, ...rest]) {
    if (kind === "plan") this.plan(at, ...rest);
    else if (kind === "note") this.machine(at, ...rest);
    else if (kind === "hand") this.move(YOU, at, ...rest);
    else if (kind === "pedal") this.pedal(at, ...rest);
    else if (kind === "back") this.takeBack(at);
    else if (kind === "mark") this.marks.push({ at, what: rest[0] });
  }

  plan(at, number, pitch, velocity, agoS, quoted) {
    if (velocity) {
      const quotes = agoS === undefined ? null : { at: at - agoS, pitch: quoted };
      this.planned.set(number, { pitch, velocity, from: at, to: null, quotes });
      return;
    }
    let begun = null; // the latest planned strike of that key, or the one that sounds
    for (const note of this.planned.values()) if (note.pitch === pitch && note.to === null && note.from <= at) begun = note;
    begun ??= this.sounding[MACHINE].get(pitch) ?? null;
    if (begun && begun.to === null) begun.until = at;
  }

  machine(at, number, pitch, velocity) {
    const planned = velocity ? this.planned.get(number) : undefined;
    if (number !== null) this.planned.delete(number);
    this.move(MACHINE, at, pitch, velocity);
    if (planned) Object.assign(this.sounding[MACHINE].get(pitch), { until: planned.until, quotes: planned.quotes });
  }

  move(who, at, pitch, velocity) {
    const down = this.sounding[who];
    const before = down.get(pitch);
    if (before) {
      before.to = Math.max(at, before.from);
      down.delete(pitch);
    }
    if (!velocity) return;
    const note = { pitch, velocity, from: at, to: null, who };
    down.set(pitch, note);
    this.notes.push(note);
  }

  pedal(at, who, value) {
    const player = who === "machine" ? MACHINE : YOU;
    const last = this.pedals.findLast((pedal) => pedal.who === player);
    const isDown = last !== undefined && last.to === null;
    if (value >= 64 && !isDown) this.pedals.push({ who: player, from: at, to: null });
    if (value < 64 && isDown) last.to = at;
  }

  takeBack(at) {
    for (const note of this.planned.values()) this.faded.push({ ...note, to: note.until ?? note.from + 0.3, gone: at });
    this.planned.clear();
    for (const note of this.sounding[MACHINE].values()) delete note.until;
  }

  forget(now) { // what is too old; called now and then
    const old = now - REMEMBERED_S;
    const first = this.notes.findIndex((note) => note.to === null || note.to > old);
    if (first > 0) this.notes.splice(0, first);
    this.pedals = this.pedals.filter((pedal) => pedal.to === null || pedal.to > old);
    this.marks = this.marks.filter((mark) => mark.at > old);
    this.faded = this.faded.filter((note) => now - note.gone < FADE_S);
  }

  fadeOf(note, now) { return Math.max(0, 1 - (now - note.gone) / FADE_S); }
}
