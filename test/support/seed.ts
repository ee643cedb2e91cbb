/**
 * The random stories of the tests are the same in each run, so that one that fails is the fault of what was changed. `FC_SEED=7
 * npm test` tells others.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 1) });
