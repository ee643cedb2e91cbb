/**
 * The traces of post-processing in the state folder. Losing them costs the time of rewriting all style sheets and scripts.
 */
import type { Rules } from '../../core/manifest/rules.js';
import { areSameTraces, type Traces } from '../../core/manifest/trace.js';
import { decodeTraces, encodeTraces } from '../../core/manifest/traces-codec.js';
import type { StateFolder } from '../../fs/state.js';

const NAME = 'traces';

export async function recallTraces(state: StateFolder, rules: Rules): Promise<Traces> {
  const bytes = await state.read(NAME);
  return bytes === undefined ? new Map() : decodeTraces(bytes, rules);
}

/** Writes `traces` unless they are those from `before`. Rejects as StateFolder does. */
export async function rememberTraces(state: StateFolder, rules: Rules, before: Traces, traces: Traces): Promise<void> {
  if (!areSameTraces(before, traces)) await state.write(NAME, encodeTraces(traces, rules));
}
