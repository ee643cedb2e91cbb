/**
 * check: the text of a configuration file becomes a Config, or the list of what is wrong with it, in the order of the
 * file. The one place that sees text, shape and meaning together; it stops at the first of the three that has faults.
 */
import { assemble, type Setting } from './assemble.js';
import { type Complaint, type ConfigDocument, readDocument } from './document.js';
import { type Fault, formatKeyPath } from './fault.js';
import { findOverlaps } from './overlaps.js';
import { type Config, checkShape } from './schema.js';

export type Checked =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'wrong'; readonly complaints: readonly Complaint[] }
  | { readonly kind: 'empty' };

export async function checkConfig(text: string, setting: Setting): Promise<Checked> {
  const document = readDocument(text);
  if (document.complaints.length > 0) return wrong(document.complaints);
  if (document.value === null) return { kind: 'empty' };
  const shape = checkShape(document.value);
  if (shape.kind === 'wrong') return wrong(placed(shape.faults, document));
  const { config, faults } = assemble(shape.raw, setting);
  const all = [...faults, ...(await findOverlaps(config))];
  return all.length > 0 ? wrong(placed(all, document)) : { kind: 'config', config };
}

function placed(faults: readonly Fault[], document: ConfigDocument): Complaint[] {
  return faults.map((fault) => {
    const key = formatKeyPath(fault.path);
    return { ...document.placeOf(fault), text: key === '' ? fault.text : `${key}: ${fault.text}` };
  });
}

function wrong(complaints: readonly Complaint[]): Checked {
  return { kind: 'wrong', complaints: complaints.toSorted((a, b) => a.line - b.line || a.column - b.column) };
}
