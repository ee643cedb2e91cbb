/**
 * `pushstatic watch`: in the foreground: sync, then keep syncing as sources change.
 */
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import { serve } from '../serve.js';
import { openSession } from '../session.js';
import { watchFace } from '../watch-face.js';

export async function watchCommand(input: CommandInput): Promise<ExitStatus> {
  const session = await openSession(input);
  const face = watchFace(input, session.log === undefined ? 'lines' : 'log');
  try {
    await serve(session, input, { statusPage: 'none', onOpen: (daemon) => face.show(daemon) });
  } finally {
    face.end();
  }
  return EXIT.done;
}
