// The way to the session: rows come in, wishes go out, and the session's clock is read off what comes.

const SLOWEST_MS = 4000;

export class Feed {
  // `rows(rows)` is called with what came, `table(table)` once, `connected(whether)` when that changes.
  constructor(heard) {
    this.heard = heard;
    this.offset = null; // session's seconds less the browser's: the least delayed frame tells it best
    this.waitMs = 250;
    this.connect();
  }

  connect() {
    const socket = new WebSocket(new URL("live", location.href.replace(/^http/, "ws")));
    this.socket = socket;
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = () => {
      this.heard.connected(false);
      this.offset = null;
      setTimeout(() => this.connect(), this.waitMs);
      this.waitMs = Math.min(this.waitMs * 2, SLOWEST_MS);
    };
  }

  hear(frame) {
    if (!Array.isArray(frame)) { // the first: what there is to turn, and the last minutes
      this.waitMs = 250;
      this.heard.connected(true);
      this.heard.table(frame.table);
      this.heard.rows(frame.rows, true);
      return;
    }
    const [now, rows] = frame;
    const offset = now - performance.now() / 1000;
    // clocks drift apart: an old reading counts less by 0.1 ms a frame
    this.offset = this.offset === null ? offset : Math.max(offset, this.offset - 0.0001);
    this.heard.rows(rows, false);
  }

  now() { // seconds since the session began, NaN before anything is known
    return this.offset === null ? NaN : performance.now() / 1000 + this.offset;
  }

  wish(...words) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(words));
  }
}
