/**
 * A program: watches a folder, edits a file in it until that was told of, and writes down what it learned. For tests that
 * limit a whole process.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openWatcher } from '../../src/watch/open.js';

const [root = '', name = ''] = process.argv.slice(2);
const thread = new URL('../../dist/cli/watch-thread.js', import.meta.url);
const warnings: string[] = [];
const heard = new Set<string>();
const watcher = await openWatcher([root], {
  backend: 'native',
  thread,
  onEvent: (event) => {
    if (event.kind === 'warning') warnings.push(event.text);
    if (event.kind === 'touched') for (const place of event.places) heard.add(place);
  },
});
for (let at = 0; !heard.has(`${root}/${name}`); at++) {
  writeFileSync(`${root}/${name}`, 'x'.repeat(at));
  await pause(100);
}
process.stdout.write(JSON.stringify({ backend: watcher.backend, reason: watcher.reason, warnings }));
await watcher.close();
