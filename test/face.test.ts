/** What a run says of its progress, line by line, with a clock that the test moves. */
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { makeFace } from '../src/cli/face.js';
import { Output, type Terminal } from '../src/cli/output.js';
import type { CycleEvent } from '../src/sync.js';

const MB = 1_000_000;

it('tells how much was sent while it is not known yet how much there will be, then of how much', () => {
  const { event, said, wait } = watch();
  event({ kind: 'phase', target: 'cdn', phase: 'survey' });
  expect(said()).toBe('cdn: looking at what is there\n');
  for (let i = 0; i < 10; i++) event({ kind: 'file', target: 'cdn', bytes: MB });
  wait(10_000);
  event({ kind: 'file', target: 'cdn', bytes: 10 * MB });
  expect(said()).toBe('cdn: sending 11 files, 20.0 MB so far, 2.0 MB/s\n');
  event({ kind: 'plan', target: 'cdn', files: 40, bytes: 80 * MB });
  event({ kind: 'phase', target: 'cdn', phase: 'stage' });
  expect(said()).toBe(
    'cdn: 40 files to change, 80.0 MB in all\ncdn: sending 11/40 files, 20.0 MB of 80.0 MB, 2.0 MB/s, 30.0 s left\n',
  );
});

it('counts anew when a lost connection is made again', () => {
  const { event, said, wait } = watch();
  event({ kind: 'phase', target: 'cdn', phase: 'connect' });
  event({ kind: 'plan', target: 'cdn', files: 3, bytes: 3 * MB });
  event({ kind: 'file', target: 'cdn', bytes: MB });
  said();
  event({ kind: 'phase', target: 'cdn', phase: 'connect' });
  expect(said()).toBe('cdn: connecting\n');
  event({ kind: 'plan', target: 'cdn', files: 3, bytes: 3 * MB });
  said();
  wait(1000);
  event({ kind: 'phase', target: 'cdn', phase: 'stage' });
  expect(said()).toBe('cdn: sending 0/3 files, 0 B of 3.0 MB\n');
});

it('knows no rate of what came in an instant', () => {
  const { event, said, wait } = watch();
  event({ kind: 'plan', target: 'cdn', files: 2, bytes: 30 * MB });
  event({ kind: 'file', target: 'cdn', bytes: 15 * MB });
  said();
  wait(1);
  event({ kind: 'phase', target: 'cdn', phase: 'stage' });
  expect(said()).toBe('cdn: sending 1/2 files, 15.0 MB of 30.0 MB\n');
  wait(499);
  event({ kind: 'phase', target: 'cdn', phase: 'stage' });
  expect(said()).toBe('cdn: sending 1/2 files, 15.0 MB of 30.0 MB, 30.0 MB/s, 500 ms left\n');
});

const ESCAPE = '\u001b';
const up = (lines: number): string => `${ESCAPE}[${lines}A${ESCAPE}[0J`;

it('paints the live view anew below whatever is said meanwhile', () => {
  const { face, output, painted } = live(24);
  face.event({ kind: 'phase', target: 'cdn', phase: 'connect' });
  expect(painted()).toBe('cdn: connecting\n');
  output.warn('of somebody else');
  expect(painted()).toBe(`${up(1)}warning: of somebody else\ncdn: connecting\n`);
  output.print('a result');
  face.end();
  output.note('behind it');
  expect(painted()).toBe(`${up(1)}cdn: connecting\n${up(1)}behind it\n`);
});

it('paints no more lines than a terminal has', () => {
  const { face, painted } = live(5);
  for (let i = 1; i <= 9; i++) face.event({ kind: 'phase', target: `t${i}`, phase: 'connect' });
  expect(painted().split(up(3)).at(-1)).toBe('t1: connecting\nt2: connecting\nand 7 more\n');
});

/** The face in a terminal, of so many rows. */
function live(rows: number) {
  const stderr = Object.assign(new PassThrough(), { isTTY: true, rows, columns: 80 });
  const terminal = { stdout: new PassThrough(), stderr, env: {} } as unknown as Terminal;
  const output = new Output(terminal, { verbosity: 0, json: false, color: false });
  const face = makeFace(output, () => 0, undefined);
  return { face, output, painted: () => String(stderr.read() ?? '') };
}

/** The face of `-v` where nobody watches: a line for each phase, and one every few seconds. */
function watch(): { event: (event: CycleEvent) => void; said: () => string; wait: (ms: number) => void } {
  let now = 0;
  const stderr = new PassThrough();
  const terminal = { stdout: new PassThrough(), stderr, env: {} } as unknown as Terminal;
  const output = new Output(terminal, { verbosity: 1, json: false, color: false });
  const face = makeFace(output, () => now, undefined);
  return {
    event: (event) => face.event(event),
    said: () => String(stderr.read() ?? ''),
    wait: (ms) => {
      now += ms;
    },
  };
}
