/** Loaded into a measured process: writes its peak memory, in KiB, where MEMORY_FILE says. */
import { writeFileSync } from 'node:fs';

process.on('exit', () => writeFileSync(process.env.MEMORY_FILE, String(process.resourceUsage().maxRSS)));
