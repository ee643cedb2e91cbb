/** How much may be on its way to a server, and when another line is better: arithmetic, on times that are given. */
import { describe, expect, it } from 'vitest';
import { LineChoice } from '../src/targets/sftp/second-line.js';
import { Window } from '../src/targets/sftp/window.js';

const MIB = 1024 * 1024;

describe('the window', () => {
  it('grows on a long line to what that brings across in some round trips', () => {
    expect(windowAfter({ roundTripMs: 50, bytesPerMs: 100_000, ms: 3000 }) / MIB).toBeGreaterThan(16);
  });

  it('stays small on a slow line, however long that is, and on a short one', () => {
    expect(windowAfter({ roundTripMs: 50, bytesPerMs: 2500, ms: 3000 }) / MIB).toBeLessThan(2);
    expect(windowAfter({ roundTripMs: 0.2, bytesPerMs: 100_000, ms: 3000 }) / MIB).toBeLessThan(8);
  });

  it('is no more on a very slow line than some seconds bring across', () => {
    const windowAt = (bytesPerMs: number): number => {
      const window = new Window('plain', () => 5);
      window.begin(0);
      for (let chunk = 1; chunk <= 20; chunk++) window.arrived(65_536, (chunk * 65_536) / bytesPerMs);
      return window.bytes;
    };
    expect(windowAt(20)).toBeCloseTo(200_000);
    expect(windowAt(2)).toBe(128 * 1024);
  });

  it('stays as it is where little is sent over a fast line', () => {
    const window = new Window('plain', () => 50);
    for (let at = 0; at < 100_000; at += 1000) {
      window.begin(at);
      window.arrived(1000, at + 100);
    }
    expect(window.bytes).toBeGreaterThanOrEqual(MIB);
  });

  it('begins larger where all that is sent is compressed', () => {
    const [plain, compressed] = (['plain', 'compressed'] as const).map((line) => new Window(line, () => 50).bytes);
    expect(compressed).toBe(4 * (plain ?? 0));
  });

  it('shrinks when less arrives', () => {
    const window = new Window('plain', () => 50);
    carry(window, { roundTripMs: 50, bytesPerMs: 100_000, ms: 1000 }, 0);
    const before = window.bytes;
    carry(window, { roundTripMs: 50, bytesPerMs: 1000, ms: 2000 }, 1000);
    expect(window.bytes).toBeLessThan(before / 4);
  });
});

describe('the line of choice', () => {
  const PLAIN = { line: 'plain', busy: 0.1, waiting: MIB, roundTripMs: 50, plainBytesPerSecond: 2 * MIB } as const;
  const COMPRESSED = { ...PLAIN, line: 'compressed', busy: 0.95, waiting: 0 } as const;

  it.each([
    ['compressed', { ...PLAIN, bytesPerSecond: 2 * MIB }],
    [undefined, { ...PLAIN, bytesPerSecond: 2 * MIB, busy: 0.9 }],
    [undefined, { ...PLAIN, bytesPerSecond: 2 * MIB, waiting: 0.3 * MIB }],
    [undefined, { ...PLAIN, bytesPerSecond: 2 * MIB, roundTripMs: 200 }],
    [undefined, { ...PLAIN, bytesPerSecond: 50 * MIB, waiting: 20 * MIB }],
    ['plain', { ...COMPRESSED, bytesPerSecond: 1.5 * MIB }],
    [undefined, { ...COMPRESSED, bytesPerSecond: 8 * MIB }],
    [undefined, { ...COMPRESSED, bytesPerSecond: 1.5 * MIB, busy: 0.3 }],
  ] as const)('is %s after %o', (better, sample) => {
    const choice = new LineChoice();
    const choices = Array.from({ length: 4 }, () => choice.after(sample));
    expect(choices.at(-1)).toBe(better);
  });

  it('is the compressed one until it has held all up for a while', () => {
    const choice = new LineChoice();
    const slow = { ...COMPRESSED, bytesPerSecond: MIB };
    const choices = (samples: number): unknown[] => Array.from({ length: samples }, () => choice.after(slow));
    expect(choices(3)).toEqual([undefined, undefined, undefined]);
    choice.after({ ...slow, bytesPerSecond: 3 * MIB });
    expect(choices(4)).toEqual([undefined, undefined, undefined, 'plain']);
    expect(choice.after({ ...PLAIN, bytesPerSecond: MIB })).toBe(undefined);
  });
});

interface Line {
  readonly roundTripMs: number;
  readonly bytesPerMs: number;
  readonly ms: number;
}

function windowAfter(line: Line): number {
  const window = new Window('plain', () => line.roundTripMs);
  carry(window, line, 0);
  return window.bytes;
}

/** What is on its way arrives after two round trips, or as fast as the line is. */
function carry(window: Window, { roundTripMs, bytesPerMs, ms }: Line, from: number): void {
  window.begin(from);
  for (let now = from + 1; now <= from + ms; now++)
    window.arrived(Math.min(bytesPerMs, window.bytes / Math.max(1, 2 * roundTripMs)), now);
}
