#!/usr/bin/env node
/**
 * The program: runs the command line and leaves with its exit status. The only place that ends the process.
 */
import module from 'node:module';

// Node 22 and later keep compiled code between runs.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();

// Thousands of small packets: from a large pool they cost no allocation of their own outside the heap.
Buffer.poolSize = 1024 * 1024;

const { run } = await import('./run.js');
process.exitCode = await run(process.argv.slice(2), process);
