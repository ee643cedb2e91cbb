/**
 * `pushstatic unlock TARGET`: takes the lease from whoever holds it, after saying who that is. A run that is alive after all
 * publishes nothing any more, and says why.
 */
import { describeHolder, holderOf } from '../../core/lease.js';
import { chooseTargets, cycleOptions, jobsOf } from '../../cycle/jobs.js';
import { EXIT, type ExitStatus } from '../../errors.js';
import { dropLease, holdersOf } from '../../push/lease/lease.js';
import type { CommandInput } from '../command-input.js';
import { jobMeans, openSession } from '../session.js';

const MS_PER_SECOND = 1000;

export async function unlockCommand(input: CommandInput, name: string): Promise<ExitStatus> {
  const session = await openSession(input);
  const licence = { deletion: 'keep', guards: 'heed' } as const;
  const [job] = await jobsOf(chooseTargets(session.config, [name]), licence, jobMeans(session, input));
  const { run } = cycleOptions(session.config);
  const target = await (job as NonNullable<typeof job>).open();
  try {
    const holders = [...(await holdersOf(target))].filter(([each]) => holderOf(each) !== undefined);
    const dropped: object[] = [];
    for (const [i, [holder, { at }]] of holders.entries()) {
      const lastSign = new Date(at * MS_PER_SECOND).toISOString();
      input.output.print(`${name}: held by ${describeHolder(holder)}, whose last sign of life is of ${lastSign}`);
      const isDropped = await dropLease(target, holder, `${run}.${i}`);
      const { host, pid } = holderOf(holder) ?? {};
      if (isDropped) dropped.push({ host, pid, lastSign });
      input.output.print(`${name}: ${isDropped ? 'dropped' : 'it has just ended by itself'}`);
    }
    if (holders.length === 0) input.output.print(`${name}: nobody holds it`);
    input.output.document({ ok: true, target: name, dropped });
    return EXIT.done;
  } finally {
    await target.close();
  }
}
