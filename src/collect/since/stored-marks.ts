/**
 * The marks of a checkpoint as they stand in the state folder, and what a checkpoint holds for.
 */
import { hash } from 'node:crypto';
import { ByteReader, ByteWriter, unseal } from '../../core/bytes.js';
import { type Marks, readMarks, writeMarks } from '../../core/marks-codec.js';
import { IndexError } from '../../errors.js';
import type { StateFolder } from '../../fs/state.js';
import { withoutMarks } from '../marks.js';
import { type Addition, writtenMemory } from '../memory.js';
import type { CollectProject } from '../project.js';
import { areSameRoots, type RootMarks, readRoots, writeRoots } from './root-marks.js';

const NAME = 'marks';

/** The marks of the sources, and those of STATIC_ROOT. */
export interface ProjectMarks {
  /** Of the checkpoint. */
  readonly id: string;
  /** How many files there are, where a run that finds nothing changed has nothing to do and nothing to say. */
  readonly atRest: number | undefined;
  readonly roots: RootMarks;
  readonly sources: Marks;
  readonly root: Marks;
}

/** Rejects as StateFolder does. */
export async function storeMarks(
  state: StateFolder,
  madeFor: string,
  { id, atRest, roots, sources, root }: ProjectMarks,
): Promise<void> {
  const writer = new ByteWriter()
    .text(madeFor)
    .text(id)
    .number(atRest === undefined ? 0 : atRest + 1);
  writeRoots(writer, roots);
  writeMarks(writer, sources);
  writeMarks(writer, root);
  await state.write(NAME, writer.finishSealed());
}

/** Undefined where there are none that hold. */
export async function recallMarks(
  project: CollectProject,
  version: string,
  state: StateFolder,
): Promise<ProjectMarks | undefined> {
  const [bytes, { madeFor, additions }] = await Promise.all([state.read(NAME), foundationOf(project, version, state)]);
  if (bytes === undefined) return undefined;
  try {
    const reader = new ByteReader(unseal(bytes));
    if (reader.text() !== madeFor) return undefined;
    const id = reader.text();
    const files = reader.number() - 1;
    const roots = readRoots(reader);
    if (!areSameRoots(roots)) return undefined;
    const [sources, root] = [readMarks(reader), readMarks(reader)];
    const gone = additions.flatMap(({ removed }) => removed.map((path) => `${project.root}/${path}`));
    const atRest = files < 0 || additions.length > 0 ? undefined : files;
    return { id, atRest, roots, sources, root: withoutMarks(root, gone) };
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}

/** What a checkpoint stands on. */
interface Foundation {
  /** The version of this program, the project and the memory; what was added since makes no difference, unless the site was made anew. */
  readonly madeFor: string;
  readonly additions: readonly Addition[];
}

export async function foundationOf(project: CollectProject, version: string, state: StateFolder): Promise<Foundation> {
  const { seal, additions } = await writtenMemory(state);
  const isAnew = additions.some((each) => each.isAnew);
  return {
    madeFor: `${hash('sha256', JSON.stringify([version, project]), 'hex')} ${seal}${isAnew ? ' anew' : ''}`,
    additions,
  };
}
