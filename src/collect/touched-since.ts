/**
 * Touched since: the places that some run has found to be otherwise than when a baseline or a checkpoint was left. Even if they
 * are as they were again, a target may hold what they held in between.
 */
import { randomBytes } from 'node:crypto';
import type { StateFolder } from '../fs/state.js';

const ID_BYTES = 8;

/** What was left, by the name of its file. */
export type Left = 'baseline' | 'checkpoint';

/** For what is left: no other one has it. */
export function newId(): string {
  return randomBytes(ID_BYTES).toString('hex');
}

export async function recallTouched(state: StateFolder, left: Left, id: string): Promise<string[]> {
  const text = (await state.read(nameFor(left)))?.toString('utf8') ?? '';
  return text.split('\n').flatMap((line) => (line.startsWith(`${id} `) ? [line.slice(id.length + 1)] : []));
}

/**
 * To be called before anything is made of these places. False where that cannot be: without the note, what is brought to
 * the targets now could pass for what was there when it was left.
 */
export async function noteTouched(
  state: StateFolder,
  left: Left,
  id: string,
  places: readonly string[],
): Promise<boolean> {
  if (places.length === 0) return true;
  if (places.some((place) => place.includes('\n'))) return false;
  return state.extend(nameFor(left), places.map((place) => `${id} ${place}\n`).join('')).then(
    () => true,
    () => false,
  );
}

/** To be called when another one was left. Rejects as StateFolder does. */
export async function forgetTouched(state: StateFolder, left: Left): Promise<void> {
  await state.remove(nameFor(left));
}

function nameFor(left: Left): string {
  return `${left}-touched`;
}
