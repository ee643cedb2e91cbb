/** A vitest reporter: prints every skipped test with its reason, and fails the run on one that `allowed-skips.json` does not name. */
import { readFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

const allowed = JSON.parse(readFileSync(new URL('./allowed-skips.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;

export default class ListSkips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped: TestCase[] = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    for (const test of skipped) {
      const reason = allowed[test.fullName];
      const note = test.result().state === 'skipped' ? (test.result() as { note?: string }).note : undefined;
      console.log(`skipped: ${test.fullName}: ${note ?? 'no reason given'}`);
      if (reason === undefined || note === undefined) {
        console.log(`  not allowed: give a reason in the test and name it in config/allowed-skips.json`);
        process.exitCode = 1;
      }
    }
  }
}
