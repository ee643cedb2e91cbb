/**
 * runCheck: `pushstatic collect --check`.
 */
import { checkCollected } from '../collect/check-collected.js';
import { isFrom } from '../core/manifest/rules.js';
import { djangoOf } from '../cycle/local-work.js';
import { runCollectstatic } from '../django/run-collectstatic.js';
import { ConfigError, EXIT, type ExitStatus } from '../errors.js';
import type { CommandInput } from './command-input.js';
import { differenceLines } from './render.js';
import { openSession } from './session.js';
import { count, files } from './units.js';

export async function runCheck(input: CommandInput): Promise<ExitStatus> {
  const { output, signal, process } = input;
  const { config, state } = await openSession(input);
  const { root, storage, manifest, django } = config.static;
  if (storage === 'none') {
    throw new ConfigError('cannot check what was collected: nothing is, with static.storage: none; correct that');
  }
  const project = djangoOf(config, process.env);
  const { differences, files: amount } = await checkCollected(
    { root, manifest: { ...manifest, isSorted: isFrom(django, '6.0') } },
    (staging) => runCollectstatic(project, staging, { signal }),
    { state, signal },
  );
  const ok = differences.length === 0;
  output.document({ ok, files: amount, differences });
  if (ok) {
    output.print(`STATIC_ROOT holds what collectstatic makes: ${files(amount)}`);
    return EXIT.done;
  }
  const what = differences.length === 1 ? 'difference' : 'differences';
  const sum = `${count(differences.length)} ${what} from the ${files(amount)} that collectstatic makes`;
  output.print(...differenceLines(differences), sum);
  output.troubleInResult(sum);
  return EXIT.differences;
}
