import test from 'ava';
import fc from 'fast-check';
import { type Column, renderTable } from '../../../cli/render/table.ts';
import { textWidth } from '../../../cli/render/text.ts';

interface Row {
  readonly cells: readonly string[];
}

const cell = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('模型服务', '👩‍👩‍👧‍👦', 'é', '\u001b[31mred\u001b[0m', 'two\nlines', ''),
);

const table = fc.integer({ min: 1, max: 7 }).chain(count =>
  fc.record({
    columns: fc.array(
      fc.record({
        title: fc.string({ minLength: 1, maxLength: 10 }),
        priority: fc.integer({ min: 0, max: 100 }),
        minWidth: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
        align: fc.constantFrom('left' as const, 'right' as const),
      }),
      { minLength: count, maxLength: count },
    ),
    rows: fc.array(fc.record({ cells: fc.array(cell, { minLength: count, maxLength: count }) }), { maxLength: 8 }),
    width: fc.integer({ min: 1, max: 120 }),
  }),
);

function columnsOf(described: readonly Omit<Column<Row>, 'cell'>[]): Column<Row>[] {
  return described.map((column, i) => ({ ...column, cell: row => row.cells[i]! }));
}

test('no line of a table is ever wider than the terminal', t => {
  fc.assert(
    fc.property(table, ({ columns, rows, width }) => {
      const lines = renderTable(columnsOf(columns as never), rows, { width });
      for (const line of lines) if (textWidth(line) > width) return false;
      return lines.length === rows.length + 1 && lines.every(line => !line.includes('\n'));
    }),
  );
  t.pass();
});

test('with room enough every cell is there in full', t => {
  fc.assert(
    fc.property(table, ({ columns, rows }) => {
      const words = rows.map(row => ({ cells: row.cells.map((_, i) => `word-${i}`) }));
      const lines = renderTable(columnsOf(columns as never), words, { width: Number.POSITIVE_INFINITY });
      return lines.slice(1).every(line => columns.every((_, i) => line.includes(`word-${i}`)));
    }),
  );
  t.pass();
});

const COLUMNS: Column<{ a: string; b: string; c: string }>[] = [
  { title: 'NAME', priority: 10, cell: r => r.a },
  { title: 'STATE', priority: 9, cell: r => r.b },
  { title: 'IMAGE', priority: 1, minWidth: 6, cell: r => r.c },
];
const ROW = { a: 'embedder', b: 'ready', c: 'registry.example/embedder:1.4' };

test('the least important column is cut first, then left out', t => {
  t.deepEqual(renderTable(COLUMNS, [ROW], { width: 60 }), [
    'NAME      STATE  IMAGE',
    'embedder  ready  registry.example/embedder:1.4',
  ]);
  t.deepEqual(renderTable(COLUMNS, [ROW], { width: 25 }), ['NAME      STATE  IMAGE', 'embedder  ready  registr…']);
  t.deepEqual(renderTable(COLUMNS, [ROW], { width: 18 }), ['NAME      STATE', 'embedder  ready']);
  t.deepEqual(renderTable(COLUMNS, [ROW], { width: 5 }), ['NAME', 'embe…']);
});

test('cells are told in columns of a terminal, not in characters', t => {
  const [, wide, narrow] = renderTable(
    COLUMNS,
    [
      { ...ROW, a: '模型' },
      { ...ROW, a: 'mo' },
    ],
    { width: 80 },
  );
  t.is(textWidth(wide!.slice(0, wide!.indexOf('ready'))), textWidth(narrow!.slice(0, narrow!.indexOf('ready'))));
});

test('terminal controls in a cell do not reach the terminal', t => {
  const [, line] = renderTable(COLUMNS, [{ ...ROW, c: '\u001b]0;title\u0007\u001b[2Jimage' }], { width: 80 });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  t.notRegex(line!, /[\u0000-\u001f]/);
});
