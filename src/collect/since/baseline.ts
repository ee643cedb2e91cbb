/**
 * Baseline: what the sources and STATIC_ROOT looked like when nothing was to be done there, so that a later run need only look
 * whether they still do.
 *
 * The marks are those of what stat said before anything was read: whatever changes after that has another one.
 */
import { ByteReader, ByteWriter, unseal } from '../../core/bytes.js';
import { readMarks, writeMarks } from '../../core/marks-codec.js';
import { IndexError } from '../../errors.js';
import type { StateFolder } from '../../fs/state.js';
import type { MarkedFolders } from '../sweep.js';
import { type RootMarks, readRoots, writeRoots } from './root-marks.js';
import { forgetTouched, newId } from './touched-since.js';

const NAME = 'baseline';

export interface Baseline {
  /** No other one has it. */
  readonly id: string;
  /** How many files the run counted. */
  readonly files: number;
  readonly trees: readonly MarkedFolders[];
  readonly roots: RootMarks;
  /** Of the cache that knows what lay in STATIC_ROOT; '' where that is not asked. */
  readonly seal: string;
}

/** Answers with its id. `madeFor` is all that decides what is made of the trees. Rejects as StateFolder does. */
export async function leaveBaseline(
  state: StateFolder,
  madeFor: string,
  { files, trees, roots, seal }: Omit<Baseline, 'id'>,
): Promise<string> {
  const id = newId();
  const writer = new ByteWriter().text(madeFor).text(id).number(files).number(trees.length);
  for (const { marks, ignore } of trees) {
    writer.number(ignore.length);
    for (const pattern of ignore) writer.text(pattern);
    writeMarks(writer, marks);
  }
  writeRoots(writer, roots);
  writer.text(seal);
  await state.write(NAME, writer.finishSealed());
  await forgetTouched(state, NAME);
  return id;
}

/** Rejects as StateFolder does. */
export async function forgetBaseline(state: StateFolder): Promise<void> {
  await state.remove(NAME);
}

/** Undefined where there is none that holds. */
export async function recallBaseline(state: StateFolder, madeFor: string): Promise<Baseline | undefined> {
  const bytes = await state.read(NAME);
  if (bytes === undefined) return undefined;
  try {
    const reader = new ByteReader(unseal(bytes));
    if (reader.text() !== madeFor) return undefined;
    const [id, files] = [reader.text(), reader.number()];
    const trees = Array.from({ length: reader.count(1) }, () => {
      const ignore = Array.from({ length: reader.count(1) }, () => reader.text());
      return { ignore, marks: readMarks(reader) };
    });
    const roots = readRoots(reader);
    const seal = reader.text();
    reader.end();
    return { id, files, trees, roots, seal };
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}
