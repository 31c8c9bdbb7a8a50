// Where all knobs stand, under a name, kept in this browser.

const KEPT = "perfrnn-live presets";

export class Presets {
  // `stands()` gives each knob's position by name; `turn(name, position)` turns one.
  constructor(list, button, stands, turn) {
    Object.assign(this, { list, stands, turn });
    button.onclick = () => {
      const name = prompt("a name for where the knobs stand now")?.trim();
      if (name) this.keep({ ...this.kept(), [name]: stands() });
    };
    list.onchange = () => {
      const preset = this.kept()[list.value] ?? {};
      for (const [name, position] of Object.entries(preset)) if (stands()[name] !== position) turn(name, position);
      list.value = "";
    };
    this.show();
  }

  kept() {
    try {
      return JSON.parse(localStorage.getItem(KEPT)) ?? {};
    } catch {
      return {}; // somebody else's, or none can be kept here
    }
  }

  keep(presets) {
    localStorage.setItem(KEPT, JSON.stringify(presets));
    this.show();
  }

  show() {
    const names = Object.keys(this.kept());
    this.list.replaceChildren(new Option("presets", ""), ...names.map((name) => new Option(name, name)));
    this.list.disabled = !names.length;
  }
}
