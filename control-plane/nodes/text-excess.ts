import { CST, Lexer } from 'yaml';

/**
 * Why the text of a nodes file is not even parsed; null: nothing speaks against it. A parser's time grows faster than the
 * text where that has much of the wrong thing, and all else waits meanwhile; its lexer's does not. Counts only.
 */
export function textExcess(text: string): string | null {
  if (text.length > MOST_CHARACTERS) return `expected at most ${MOST_CHARACTERS / 1024} KiB`;
  let parts = 0;
  let names = 0;
  let documents = 0;
  let brackets = 0;
  let unopened = 0;
  let inLine = 0;
  let isContent = false;
  for (const token of new Lexer().lex(text)) {
    const type: ReturnType<typeof CST.tokenType> = isContent ? null : CST.tokenType(token);
    // What follows a mark is the text of a value, whatever it looks like.
    isContent = type === 'scalar';
    switch (type) {
      case 'space':
      case 'comment':
        continue;
      case 'newline':
        inLine = 0;
        continue;
      case 'anchor':
      case 'alias':
        names += 1;
        break;
      case 'doc-start':
        documents += 1;
        break;
      case 'seq-item-ind':
      case 'explicit-key-ind':
        inLine += 1;
        break;
      case 'flow-map-start':
      case 'flow-seq-start':
        brackets += 1;
        break;
      case 'flow-map-end':
      case 'flow-seq-end':
        if (brackets === 0) unopened += 1;
        else brackets -= 1;
        break;
      default:
    }
    parts += 1;
    if (brackets + inLine > MOST_LEVELS) return `expected values in at most ${MOST_LEVELS} levels`;
    if (unopened > MOST_LEVELS) return 'expected a bracket for each one that is closed';
    if (names > MOST_NAMES) return `expected at most ${MOST_NAMES} anchors and aliases`;
    if (documents > MOST_DOCUMENTS) return `expected one document, found more than ${MOST_DOCUMENTS}`;
    if (parts > MOST_PARTS) return `expected at most ${MOST_PARTS} words and punctuation marks`;
  }
  return null;
}

const MOST_CHARACTERS = 512 * 1024;
const MOST_LEVELS = 100;
const MOST_NAMES = 500;
const MOST_DOCUMENTS = 10;
/** A thousand nodes with their usual keys, or two hundred with eight stated devices each. */
const MOST_PARTS = 60_000;
