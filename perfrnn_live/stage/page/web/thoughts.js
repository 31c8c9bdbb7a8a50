// What it thinks: whether your phrase is over, how surprised it was, how late it sends.

import { make } from "./elements.js";

export class Thoughts {
  constructor(page) {
    this.page = page;
    page.health.onclick = () => page.timing.showModal();
    page.timing.querySelector("button").onclick = () => page.timing.close();
  }

  build(lateMs) { // the bounds of the histogram's bars
    this.names = [...lateMs.map((ms) => `up to ${ms} ms`), "more"];
    this.bars = this.names.map(() => make("meter", { max: 1000 }));
    this.counts = this.names.map(() => make("td"));
    this.page.timing.querySelector("table").replaceChildren(...this.names.map((name, place) =>
      make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", {}, this.bars[place]), this.counts[place])));
  }

  show({ ahead_s: ahead, late_ms: late, dropped, over, surprise, late: counts }) {
    const { page } = this;
    const lost = dropped ? `, ${dropped} notes dropped` : "";
    page.health.textContent = `ahead ${ahead.toFixed(2)} s, late ${late.toFixed(2)} ms${lost}`;
    tell(page.over, over, over === null ? "you do not play" : `${Math.round(over * 100)} per cent sure`);
    tell(page.surprise, surprise, surprise === null ? "no notes yet" : `${surprise.toFixed(1)} nats a note`);
    counts.forEach((count, place) => {
      this.bars[place].value = count;
      this.counts[place].textContent = count;
    });
  }
}

function tell(meter, value, words) {
  meter.value = value ?? 0;
  meter.title = meter.ariaValueText = words;
}
