/**
 * Runs the checks, every AVA suite and the Python SDK's tests, one after the other, even when an earlier one failed.
 *
 * The last line is `N passed, N failed`, below a line for each test that failed: whoever sees the end of a long log sees
 * what broke, why, and the seed that shows it again. Above these stands how many tests were skipped, and why. A run that
 * broke without naming a failed test (a type error, a crash, a suite with nothing in it) counts as one failed, so that the
 * line never says less than the exit status.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failedTestLine, failedTests, troubleIn } from './failed-tests.ts';
import { runStage } from './run-stage.ts';
import { skippedTests } from './skipped-tests.ts';

interface Counts {
  passed: number;
  failed: number;
}

type OnLine = (line: string) => void;

/** As many as are seen at the end of a log of which twenty lines are shown. */
const MOST_NAMED = 15;
/** What is kept of a line that was printed: counterexamples are long. */
const LONGEST_LINE = 1_000;
/** Far beyond what any suite takes: only a run that hangs as a whole meets it. */
const stageTimeoutMs = 45 * 60_000;
const root = join(import.meta.dirname, '..');
const sdk = join(root, 'python-sdk-example');
const python = join(sdk, '.venv/bin/python');

const stages = { check: runChecks, ava: runAva, pytest: runPytest };

const total: Counts = { passed: 0, failed: 0 };
const broken: string[] = [];
const skipped: string[] = [];
for (const [name, run] of Object.entries(stages)) {
  console.log(`\n== ${name}`);
  const written: string[] = [];
  const counts = await run(line => {
    console.log(line);
    written.push(line.slice(0, LONGEST_LINE));
  });
  const failed = failedTests(written);
  if (counts.failed > 0 && failed.length === 0) failed.push({ title: name, error: troubleIn(written) });
  broken.push(...failed.map(test => failedTestLine(test)));
  skipped.push(...[...skippedTests(written)].map(([why, count]) => `- ${count} skipped: ${why}`));
  total.passed += counts.passed;
  total.failed += counts.failed;
}
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
if (skipped.length > 0) console.log(`\n${skipped.slice(0, MOST_NAMED).join('\n')}`);
if (skipped.length > MOST_NAMED) console.log(`- and ${skipped.length - MOST_NAMED} more: see above`);
if (broken.length > 0) console.log(`\n${broken.slice(0, MOST_NAMED).join('\n')}`);
if (broken.length > MOST_NAMED) console.log(`✘ and ${broken.length - MOST_NAMED} more: see above`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);

/** Types, lint and generated code hold no tests: they add nothing when all is well. */
async function runChecks(onLine: OnLine): Promise<Counts> {
  const status = await run('make', ['--no-print-directory', 'check'], { cwd: root, onLine });
  return { passed: 0, failed: status === 0 ? 0 : 1 };
}

/** A line a test as it ends: `✔ suite › title` or `✘ [fail]: suite › title`; what went wrong follows at the end. */
async function runAva(tell: OnLine): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0 };
  const onLine = (line: string) => {
    if (/^\s+✔ /.test(line)) counts.passed += 1;
    else if (/^\s+✘ \[(fail|unexpected pass)\]: /.test(line)) counts.failed += 1;
    tell(line);
  };
  const status = await run('ava', [], { cwd: root, onLine });
  return atLeastOneFailure(counts, status);
}

async function runPytest(onLine: OnLine): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-pytest-'));
  const report = join(folder, 'report.xml');
  try {
    const status = await run(python, ['-m', 'pytest', '-q', '-rfEs', `--junitxml=${report}`], {
      cwd: sdk,
      onLine,
    });
    const xml = await readFile(report, 'utf8').catch(() => '');
    return atLeastOneFailure(countJunit(xml), status);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Adds up the attributes of a JUnit report's `<testsuite>` elements. */
function countJunit(xml: string): Counts {
  const counts: Counts = { passed: 0, failed: 0 };
  for (const [element] of xml.matchAll(/<testsuite\s[^>]*>/g)) {
    const attribute = (name: string) => Number(new RegExp(`\\s${name}="(\\d+)"`).exec(element)?.[1] ?? 0);
    const failed = attribute('failures') + attribute('errors');
    counts.failed += failed;
    counts.passed += attribute('tests') - failed - attribute('skipped');
  }
  return counts;
}

function atLeastOneFailure(counts: Counts, status: number): Counts {
  const broken = status !== 0 || counts.passed + counts.failed === 0;
  return broken && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

function run(command: string, args: string[], { cwd, onLine }: { cwd: string; onLine: OnLine }): Promise<number> {
  return runStage(command, args, { cwd, onLine, signal: AbortSignal.timeout(stageTimeoutMs), graceMs: 10_000 });
}
