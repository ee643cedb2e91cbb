/**
 * showReport: the document of a run that was done elsewhere, for a person.
 */
import type { SyncReport } from '../cycle/report.js';
import type { Output } from './output.js';
import { collectLine, problemLines, targetLine } from './render.js';

export function showReport(document: SyncReport, output: Output): void {
  const { collect, targets, error } = document;
  output.document(document);
  if (error !== undefined) return output.trouble(error.message);
  output.print(collectLine(collect, 'push'));
  for (const target of targets) {
    if (target.error === undefined) output.print(targetLine(target));
    else output.trouble(targetLine(target));
    for (const line of problemLines(target.problems)) output.trouble(`${target.name}: ${line}`);
  }
  for (const line of problemLines(collect.problems)) output.trouble(line);
}
