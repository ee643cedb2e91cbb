/**
 * Touched since: the places that some run has found to be otherwise than when a baseline or a checkpoint was left. Even if they
 * are as they were again, a target may hold what they held in between.
 */
import { hash, randomBytes } from 'node:crypto';
import type { StateFolder } from '../../fs/state.js';

const ID_BYTES = 8;

/** What was left, by the name of its file. */
export type Left = 'baseline' | 'checkpoint';

/** For what is left: no other one has it. */
export function newId(): string {
  return randomBytes(ID_BYTES).toString('hex');
}

/** What was noted. */
export interface Touched {
  /** Absolute, in the order in which they were noted; each once. */
  readonly places: readonly string[];
  /** Identifies what was left together with all of these places: it differs as soon as one place is added. */
  readonly state: string;
  /** What it was before each of them was noted, and what it is now. */
  readonly states: ReadonlySet<string>;
}

/** Undefined where the note is not whole. That some of it is lost shows in its state. */
export async function recallTouched(state: StateFolder, left: Left, id: string): Promise<Touched | undefined> {
  const text = (await state.read(nameFor(left)))?.toString('utf8') ?? '';
  if (text !== '' && !text.endsWith('\n')) return undefined;
  const lines = text.split('\n').filter((line) => line.startsWith(`${id} `));
  return extended(
    { places: [], state: id, states: new Set([id]) },
    lines.map((line) => line.slice(id.length + 1)),
  );
}

/**
 * Notes what `before` has not. To be called before anything is made of these places. Undefined where that cannot be: without
 * the note, what is brought to the targets now could pass for what was there when it was left.
 */
export async function noteTouched(
  state: StateFolder,
  left: Left,
  before: Touched,
  places: readonly string[],
): Promise<Touched | undefined> {
  const known = new Set(before.places);
  const fresh = [...new Set(places)].filter((place) => !known.has(place));
  if (fresh.length === 0) return before;
  if (fresh.some((place) => place.includes('\n'))) return undefined;
  const [id] = before.states;
  return state.extend(nameFor(left), fresh.map((place) => `${id} ${place}\n`).join('')).then(
    () => extended(before, fresh),
    () => undefined,
  );
}

function extended({ places, state, states }: Touched, more: readonly string[]): Touched {
  const [id] = states;
  let now = state;
  const all = new Set(states);
  for (const place of more) all.add((now = `${id} ${hash('sha256', `${now}\n${place}`, 'hex')}`));
  return { places: [...new Set([...places, ...more])], state: now, states: all };
}

/** To be called when another one was left. Rejects as StateFolder does. */
export async function forgetTouched(state: StateFolder, left: Left): Promise<void> {
  await state.remove(nameFor(left));
}

function nameFor(left: Left): string {
  return `${left}-touched`;
}
