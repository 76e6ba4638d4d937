import test from 'ava';
import fc from 'fast-check';
import { textWidth } from '../../../cli/render/text.ts';
import { wrap } from '../../../cli/render/wrap.ts';

const texts = fc.array(fc.stringMatching(/^[a-z0-9×…]{1,12}$/), { maxLength: 40 }).map(words => words.join(' '));

test('no line is wider than it may be, and no word is lost', t => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 14, max: 60 }), (text, width) => {
      const lines = wrap(text, width, '  ');
      return (
        lines.every(line => textWidth(line) <= width) &&
        lines
          .map(l => l.trim())
          .join(' ')
          .trim() === text
      );
    }),
  );
  t.pass();
});

test('lines after the first are indented, and what fits stays on one line', t => {
  t.deepEqual(wrap('one two three', 8, '  '), ['one two', '  three']);
  t.deepEqual(wrap('one two three', 13), ['one two three']);
  t.deepEqual(wrap('one two three', Number.POSITIVE_INFINITY), ['one two three']);
  t.deepEqual(wrap('', 10), []);
});

test('a number and its unit stay together', t => {
  t.deepEqual(wrap('at most 80 GiB', 11), ['at most', '80 GiB']);
});

test('a word that fits nowhere is cut', t => {
  t.deepEqual(wrap('abcdefghij', 5), ['abcd…']);
});
