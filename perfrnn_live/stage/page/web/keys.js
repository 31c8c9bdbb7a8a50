// Where each key lies: 88 of them across a width; black keys are narrower and stand higher.

export const LOWEST = 21, HIGHEST = 108;
const BLACK = new Set([1, 3, 6, 8, 10]);
const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

export const isBlack = (pitch) => BLACK.has(pitch % 12);
export const nameOf = (pitch) => NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1);

export function layout(width, lowest = LOWEST, highest = HIGHEST) {
  const whites = [];
  for (let pitch = lowest; pitch <= highest; pitch++) if (!isBlack(pitch)) whites.push(pitch);
  const step = width / whites.length;
  const keys = new Map();
  whites.forEach((pitch, place) => keys.set(pitch, { x: place * step, width: step }));
  for (let pitch = lowest; pitch <= highest; pitch++) {
    if (!isBlack(pitch)) continue;
    const right = keys.get(pitch + 1) ?? { x: width };
    keys.set(pitch, { x: right.x - step * 0.3, width: step * 0.6 });
  }
  return keys;
}

export function keyAt(keys, x, isHigh) { // the key at x; `isHigh` where black keys reach
  let found = null;
  for (const [pitch, { x: left, width }] of keys) {
    if (x < left || x >= left + width) continue;
    if (isBlack(pitch) ? isHigh : found === null) found = pitch;
    if (isBlack(pitch) && isHigh) return pitch;
  }
  return found;
}
