import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inSlices, Pacer } from '../src/fs/pace.js';

/** Stops after each of three steps. */
function* threeSteps(done: string[]): Generator<void, string, void> {
  for (const step of ['one', 'two', 'three']) {
    done.push(step);
    yield;
  }
  return 'all';
}

it('lets everything else run wherever a breath is due', async () => {
  const done: string[] = [];
  const working = inSlices(threeSteps(done), new Pacer({ sliceMs: 0 }));
  expect(done).toEqual(['one']);
  await setImmediate();
  expect(done).toEqual(['one', 'two']);
  expect(await working).toBe('all');
});

it('goes on where none is due', async () => {
  const done: string[] = [];
  const working = inSlices(threeSteps(done), new Pacer({ sliceMs: Number.POSITIVE_INFINITY }));
  expect(done).toEqual(['one', 'two', 'three']);
  expect(await working).toBe('all');
});

it('ends with the reason of an abort', async () => {
  const abort = new AbortController();
  const working = inSlices(threeSteps([]), new Pacer({ signal: abort.signal, sliceMs: 0 }));
  abort.abort(new Error('enough'));
  await expect(working).rejects.toThrow('enough');
});

it('ends so also where no slice is ever used up', async () => {
  const abort = new AbortController();
  const pacer = new Pacer({ signal: abort.signal, sliceMs: Number.POSITIVE_INFINITY });
  expect(pacer.isDue).toBe(false);
  const working = inSlices(
    (function* () {
      abort.abort(new Error('enough'));
      yield;
    })(),
    pacer,
  );
  await expect(working).rejects.toThrow('enough');
});
