/**
 * check: the text of a configuration file becomes a Config, or the list of what is wrong with it, in the order of the
 * file. The one place that sees text, shape and meaning together; it stops at the first of the three that has faults, and
 * only where there are none is the Django project asked.
 */
import { assemble, type Setting } from './assemble.js';
import { type Complaint, type ConfigDocument, readDocument } from './document.js';
import { type Fault, formatKeyPath } from './fault.js';
import { findOverlaps } from './overlaps.js';
import { type Asked, type Config, checkShape, type DjangoSource } from './schema.js';

/** Asks the project that `config` names. Rejects with what stands against it. */
export type AskProject = (project: DjangoSource, config: UnaskedConfig) => Promise<Asked>;

/** What is known of a configuration without asking anybody. */
export type UnaskedConfig = Pick<Config, 'file' | 'targets' | 'daemon' | 'log'>;

export type Checked =
  | { readonly kind: 'config'; readonly config: Config }
  /** Sound as far as can be said: the project was not asked. */
  | { readonly kind: 'unasked'; readonly config: UnaskedConfig }
  | { readonly kind: 'wrong'; readonly complaints: readonly Complaint[] }
  | { readonly kind: 'empty' };

/** Without `ask`, a configuration that needs it is left unasked. */
export async function checkConfig(text: string, setting: Setting, ask?: AskProject): Promise<Checked> {
  const document = readDocument(text);
  if (document.complaints.length > 0) return wrong(document.complaints);
  if (document.value === null) return { kind: 'empty' };
  const shape = checkShape(document.value);
  if (shape.kind === 'wrong') return wrong(placed(shape.faults, document));
  const { raw } = shape;
  let { config, faults } = assemble(raw, setting);
  const { django } = config.source;
  if (django !== undefined && faults.length === 0) {
    if (ask === undefined) return { kind: 'unasked', config };
    ({ config, faults } = assemble(raw, setting, await ask(django, config)));
  }
  const isKnown = django === undefined || config.static.root !== '';
  const all = isKnown ? [...faults, ...(await findOverlaps(config, raw))] : faults;
  return all.length > 0 ? wrong(placed(all, document)) : { kind: 'config', config };
}

function placed(faults: readonly Fault[], document: ConfigDocument): Complaint[] {
  return faults.map((fault) => {
    const key = formatKeyPath(fault.path);
    return { ...document.placeOf(fault), text: key === '' ? fault.text : `${key}: ${fault.text}` };
  });
}

/** What stands nowhere in the file comes last. */
function wrong(complaints: readonly Complaint[]): Checked {
  const { POSITIVE_INFINITY: last } = Number;
  return {
    kind: 'wrong',
    complaints: complaints.toSorted(
      (a, b) => (a.line ?? last) - (b.line ?? last) || (a.column ?? last) - (b.column ?? last) || 0,
    ),
  };
}
