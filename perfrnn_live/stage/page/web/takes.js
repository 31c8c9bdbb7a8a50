// The sessions that were kept: pictures to look at, sound to hear, files to take along.

import { make } from "./elements.js";

const length = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export class Takes {
  // `goOn(session, seconds or null)` plays on from there, or from its end.
  // `mark(session, seconds)` marks what led to it as good.
  constructor(dialog, list, button, goOn, mark) {
    Object.assign(this, { dialog, list, goOn, mark });
    button.onclick = () => this.open();
    dialog.querySelector("button").onclick = () => dialog.close();
  }

  async open() {
    this.dialog.showModal();
    this.list.replaceChildren(make("li", { textContent: "reading" }));
    const answer = await fetch("takes.json");
    const takes = answer.ok ? await answer.json() : [];
    this.list.replaceChildren(...takes.map((take) => this.item(take)));
    if (!takes.length) this.list.append(make("li", { textContent: "no session has been kept yet" }));
  }

  item({ id, began, model, seconds, notes, moments, tag, short }) {
    const marked = moments ? `, ${moments} ${moments === 1 ? "moment" : "moments"}` : "";
    const told = `${began}, ${length(seconds)}, ${notes} notes, ${model}${marked}${tag ? `, ${tag}` : ""}`;
    const links = ["mid", ...(short ? ["svg", "wav"] : [])].map((kind) => make("a",
      { href: `takes/${id}.${kind}`, download: `session-${id}.${kind}`, textContent: `.${kind}`, ariaLabel: `session ${id} as .${kind}` }));
    const row = make("li", {}, make("p", { textContent: `${id}  ${told}` }));
    let audio = null;
    if (short) {
      row.append(make("img", { src: `takes/${id}.svg`, loading: "lazy", alt: `session ${id} as a picture` }));
      audio = make("audio", { src: `takes/${id}.wav`, controls: true, preload: "none", ariaLabel: `session ${id}` });
      row.append(audio);
    }
    const goOn = make("button", { className: "go-on", textContent: "play on from here", title: "from where you stopped listening, or from its end" });
    goOn.onclick = () => {
      audio?.pause();
      this.dialog.close();
      this.goOn(id, audio?.currentTime ? Number(audio.currentTime.toFixed(2)) : null);
    };
    const files = make("p", { className: "files" }, ...links, goOn);
    if (audio) {
      const good = make("button", { className: "go-on", textContent: "this was good", title: "marks the half minute up to where you listen" });
      good.onclick = () => {
        this.mark(id, Number(audio.currentTime.toFixed(2)));
        good.textContent = "marked";
      };
      files.append(good);
    }
    row.append(files);
    return row;
  }
}
