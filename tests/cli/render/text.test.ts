import test from 'ava';
import fc from 'fast-check';
import { failureLines } from '../../../cli/render/failure.ts';
import { quotedLine, singleLine } from '../../../cli/render/text.ts';

/** Text with the pieces that terminals act on in it. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\u001b[31m',
        '\u001b[2J',
        '\u001b]0;title\u0007',
        '\u009b1A',
        '\u001b',
        '\r',
        '\u0007',
        '\u2028',
        '\n',
      ),
      fc.string({ unit: 'binary' }),
    ),
  )
  .map(pieces => pieces.join(''));
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/;
/** Of all characters that people see, two end a line. */
const plain = fc.string({ unit: 'grapheme' }).filter(text => !CONTROL.test(text));

test('whatever a container wrote, nothing of it steers the terminal', t => {
  fc.assert(
    fc.property(hostile, text => {
      t.notRegex(quotedLine(text), CONTROL);
      t.notRegex(singleLine(text), CONTROL);
    }),
  );
});

test('text without control characters is quoted as it is, indented or not', t => {
  fc.assert(
    fc.property(plain, text => {
      const indented = `\t  ${text}`;
      t.is(quotedLine(indented), indented);
    }),
  );
});

test('of a colour nothing stays', t => {
  t.is(quotedLine('\u001b[1;31mout of memory\u001b[0m'), 'out of memory');
  t.is(singleLine('\u001b[1;31mout of\nmemory\u001b[0m'), 'out of memory');
});

test('the last lines of a failed service cannot clear the screen', t => {
  const lines = failureLines(
    {
      kind: 'failed',
      service: 'echo',
      reason: 'replica_failed',
      message: 'exited with code 3',
      provisional: false,
      culprit: { id: 'r1', exitCode: 3, message: 'exited', logTail: ['\u001b[2Jgone\r'] },
    },
    'demo',
    'docker compose up',
  );
  t.true(lines.includes('  | gone'));
  t.regex(lines.at(-1)!, /run "docker compose up" again$/);
});
