// The page: a feed from the session, the music it tells of, and what shows and steers it.

import { Feed } from "./feed.js";
import { MACHINE, Music, YOU } from "./music.js";
import { Piano } from "./piano.js";
import { Presets } from "./presets.js";
import { Roll } from "./roll.js";
import { Square } from "./square.js";
import { Steering } from "./steering.js";
import { Takes } from "./takes.js";
import { Thoughts } from "./thoughts.js";

const element = (id) => document.getElementById(id);
const page = Object.fromEntries(["modes", "panic", "knobs", "actions", "pads"].map((id) => [id, element(id)]));
const LETTERS = "awsedftgyhujkolp;"; // from C on, white keys on the home row
const LOUD = 80;

const music = new Music();
const steering = new Steering(page, (...words) => feed.wish(...words));
const square = new Square(element("square"), (...turned) => feed.wish("turn", ...turned));
const thoughts = new Thoughts(Object.fromEntries(["health", "over", "surprise", "timing"].map((id) => [id, element(id)])));
const feed = new Feed({
  connected(is) {
    document.body.classList.toggle("lost", !is);
    if (!is) element("state").value = "connection lost, trying again";
  },
  table(table) {
    music.clear();
    steering.build(table);
    thoughts.build(table.late_ms);
    document.body.classList.toggle("watching", !table.plays);
    element("invite").hidden = !table.plays;
    element("invite").onclick = () => prompt("a link for those who watch and listen only", new URL(`/${table.watch}/`, location.href));
  },
  rows(rows, arePast) {
    for (const row of rows) {
      if (row[0] === "state") {
        show(row[2]);
        continue;
      }
      music.hear(row);
      if (!arePast) sound(row);
    }
  },
});
const roll = new Roll(element("roll"), music, () => feed.now(), (pitch, velocity) => feed.wish("play", pitch, velocity),
  (name, pitch) => feed.wish("turn", name, pitch),
  (isBack) => { element("now").hidden = !isBack; });
element("now").onclick = () => roll.scroll(0);

new Presets(document.querySelector("#presets select"), document.querySelector("#presets button"),
  () => steering.stands, (...turned) => feed.wish("turn", ...turned));
new Takes(element("kept"), element("kept").querySelector("ul"), element("takes"), (...from) => feed.wish("continue", ...from),
  (...at) => feed.wish("mark", ...at));

const piano = new Piano(() => feed.now());
element("sound").onclick = async () => {
  element("sound").disabled = true;
  element("sound").ariaPressed = await piano.toggle();
  element("sound").disabled = false;
};

function sound([kind, at, ...rest]) {
  if (kind === "note") piano.play(MACHINE, at, rest[1], rest[2]);
  else if (kind === "hand") piano.play(YOU, at, ...rest);
  else if (kind === "pedal") piano.pedal(rest[0] === "machine" ? MACHINE : YOU, at, rest[1]);
}

function show(state) {
  steering.show(state.knobs);
  steering.store(state.pads);
  square.show(state.knobs);
  roll.show(state.knobs);
  square.use(state.used);
  thoughts.show(state);
  element("state").value = state.state;
  if (element("said").textContent !== state.said) element("said").textContent = state.said;
}

const typed = new Map(); // key → pitch
let lowest = 48;
addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, button")) return;
  if (event.key === "z" || event.key === "x") lowest = Math.min(Math.max(lowest + (event.key === "x" ? 12 : -12), 24), 84);
  const place = LETTERS.indexOf(event.key);
  if (place < 0 || typed.has(event.key)) return;
  typed.set(event.key, lowest + place);
  feed.wish("play", lowest + place, LOUD);
});
addEventListener("keyup", (event) => {
  const pitch = typed.get(event.key);
  typed.delete(event.key);
  if (pitch !== undefined) feed.wish("play", pitch, 0);
});
addEventListener("blur", () => {
  for (const pitch of typed.values()) feed.wish("play", pitch, 0);
  typed.clear();
});

globalThis.perfrnn = { feed, music, roll, piano }; // for the tests, and for the curious
