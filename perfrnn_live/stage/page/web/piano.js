// The project's piano in the browser: the same recordings, the same notes, all later by one constant delay.

const DELAY_S = 0.08; // from when a note sounds there to when it does here: more than a frame takes on its way
const RELEASE_S = 0.12, LOUDEST = 0.5;

export class Piano {
  constructor(now) {
    this.now = now;
    this.context = null;
    this.samples = new Map(); // recorded key → AudioBuffer
    this.voices = [new Map(), new Map()]; // pitch → voice, of each player
    this.pedalled = [false, false];
    this.held = [new Set(), new Set()]; // voices that only the pedal holds
  }

  get sounds() { return this.context !== null && this.context.state === "running"; }

  async toggle() { // a browser lets nothing sound before somebody has touched the page
    if (this.context === null) {
      this.context = new AudioContext({ latencyHint: "interactive" });
      this.meter = this.context.createAnalyser();
      const limiter = this.context.createDynamicsCompressor();
      limiter.connect(this.meter).connect(this.context.destination);
      this.out = limiter;
      await this.load();
    } else if (this.context.state === "running") {
      this.silence();
      await this.context.suspend();
    } else {
      await this.context.resume();
    }
    return this.sounds;
  }

  async load() {
    this.cents = await (await fetch("piano/cents.json")).json();
    await Promise.all(Object.keys(this.cents).map(async (key) => {
      const file = await fetch(`piano/${key.padStart(3, "0")}.ogg`);
      this.samples.set(Number(key), await this.context.decodeAudioData(await file.arrayBuffer()));
    }));
  }

  when(at) { return this.context.currentTime + Math.max(at + DELAY_S - this.now(), 0); }

  play(who, at, pitch, velocity) {
    if (!this.sounds) return;
    const when = this.when(at), before = this.voices[who].get(pitch);
    this.voices[who].delete(pitch);
    if (before) velocity || !this.pedalled[who] ? this.end(before, when) : this.held[who].add(before);
    if (!velocity || !this.samples.size) return;
    let key = null;
    for (const each of this.samples.keys()) if (key === null || Math.abs(each - pitch) < Math.abs(key - pitch)) key = each;
    const source = new AudioBufferSourceNode(this.context, { buffer: this.samples.get(key),
      playbackRate: 2 ** ((pitch - key - this.cents[key] / 100) / 12) });
    const loud = velocity / 127;
    const soft = new BiquadFilterNode(this.context, { type: "lowpass", frequency: 600 + 17000 * loud ** 2, Q: 0.3 });
    const gain = new GainNode(this.context, { gain: LOUDEST * loud ** 2 });
    source.connect(soft).connect(gain).connect(this.out);
    source.start(when);
    this.voices[who].set(pitch, { source, gain });
  }

  pedal(who, at, value) {
    if (!this.sounds) return;
    this.pedalled[who] = value >= 64;
    if (this.pedalled[who]) return;
    for (const voice of this.held[who]) this.end(voice, this.when(at));
    this.held[who].clear();
  }

  silence() {
    for (const who of [0, 1]) {
      for (const voice of [...this.voices[who].values(), ...this.held[who]]) this.end(voice, this.context.currentTime);
      this.voices[who].clear();
      this.held[who].clear();
      this.pedalled[who] = false;
    }
  }

  end({ source, gain }, when) {
    gain.gain.setTargetAtTime(0, when, RELEASE_S / 3);
    source.stop(when + 3 * RELEASE_S);
  }

  level() { // the loudest sample of the last few hundredths of a second, 0 to 1
    if (!this.sounds) return 0;
    const wave = new Float32Array(this.meter.fftSize);
    this.meter.getFloatTimeDomainData(wave);
    return wave.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  }
}
