/**
 * WarmState: what is known of STATIC_ROOT, handed from one daemon to the next on this machine.
 *
 * It is there only between a daemon that ended in good order and the next one: that takes it away. So it is never older
 * than the memory of collecting, which says what is ours; and if anything else has collected in between, it does not count.
 */
import { createHash } from 'node:crypto';
import { memorySeal } from '../collect/memory.js';
import type { Config } from '../config/schema.js';
import { decodeWarm, encodeWarm, type Warm } from '../core/warm-codec.js';
import type { StateFolder } from '../fs/state.js';

const NAME = 'warm';

/** Takes it out of the state folder. Undefined where there is none that holds for this version and this configuration. */
export async function takeWarm(version: string, config: Config, state: StateFolder): Promise<Warm | undefined> {
  const bytes = await state.read(NAME);
  if (bytes === undefined) return undefined;
  const isTaken = await state.remove(NAME).then(
    () => true,
    () => false, // it would be there for the next daemon, too, which it does not hold for
  );
  if (!isTaken) return undefined;
  return decodeWarm(bytes, await madeFor(version, config, state));
}

/** Rejects as StateFolder does. */
export async function leaveWarm(
  version: string,
  config: Config,
  state: StateFolder,
  warm: Omit<Warm, 'madeFor'>,
): Promise<void> {
  await state.write(NAME, encodeWarm({ ...warm, madeFor: await madeFor(version, config, state) }));
}

async function madeFor(version: string, { source, static: statics }: Config, state: StateFolder): Promise<string> {
  const settings = createHash('sha256')
    .update(JSON.stringify([version, source, statics]))
    .digest('hex');
  return `${settings} ${await memorySeal(state)}`;
}
