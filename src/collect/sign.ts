/**
 * sign: makes the signatures by which later versions of files are compared with these. A signature is named by the digest of
 * its content.
 *
 * They save bytes and nothing else: a file that has changed meanwhile gets none, and what goes wrong is a warning.
 */
import { randomBytes } from 'node:crypto';
import { encodeSignature, SALT_BYTES, SignatureMaker, type ToSign } from '../core/delta/signature.js';
import { FileError } from '../errors.js';
import { Pacer } from '../fs/pace.js';
import { StateFolder } from '../fs/state.js';
import { reasonOf } from '../system-error.js';
import { digestFile } from './digest.js';

export interface SignOptions {
  /** On an abort the rest is left out. */
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Makes those of `files` that `folder` has not. Never rejects. */
export async function sign(files: readonly ToSign[], folder: string, options: SignOptions): Promise<void> {
  const { signal, onWarning } = options;
  const state = new StateFolder(folder);
  try {
    const pacer = new Pacer({ signal });
    await state.make();
    const there = new Set(await state.names());
    for (const each of files) {
      if (pacer.isDue) await pacer.breathe();
      if (there.has(each.digest)) continue;
      there.add(each.digest);
      const signature = await signatureOf(each, pacer);
      if (signature !== undefined) state.writeNow(each.digest, signature);
    }
  } catch (error) {
    if (signal?.aborted === true) return;
    onWarning?.(`cannot write to ${folder}: ${reasonOf(error)}; what changes there is sent whole`);
  }
}

async function signatureOf({ file, digest, size }: ToSign, pacer: Pacer): Promise<Uint8Array | undefined> {
  try {
    const salt = randomBytes(SALT_BYTES);
    let maker = new SignatureMaker({ digest, size, salt });
    const reading = await digestFile(file, pacer, (bytes, position) => {
      if (position === 0) maker = new SignatureMaker({ digest, size, salt });
      maker.add(bytes);
    });
    return reading.digest === digest ? encodeSignature(maker.finish()) : undefined;
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}
