// Exits 0 when node_modules holds what package-lock.json asks for. File times cannot tell: npm writes both at about once,
// and a checkout of another branch makes an old lockfile new. Runs on whatever Node the machine has.
import { existsSync, readFileSync } from 'node:fs';

const hiddenLockfile = 'node_modules/.package-lock.json';
if (!existsSync(hiddenLockfile)) process.exit(1);

const wanted = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
const installed = JSON.parse(readFileSync(hiddenLockfile, 'utf8')).packages;

const differs = Object.entries(wanted).some(([path, entry]) => {
  if (path === '' || entry.link) return false;
  const found = installed[path];
  // Packages for other platforms stand in the lockfile and are rightly not installed.
  if (found === undefined) return !(entry.optional || entry.devOptional);
  return found.version !== entry.version;
});
process.exit(differs ? 1 : 0);
