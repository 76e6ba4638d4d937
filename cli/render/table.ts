import type { Style } from '../output.ts';
import { pad, singleLine, textWidth, truncate } from './text.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** Where the table is too wide, columns with the lowest priority shrink first, and then go. */
  readonly priority: number;
  /** Narrowest useful width; a column is not cut below it before it goes. Default: its natural width (never cut). */
  readonly minWidth?: number;
  readonly align?: 'left' | 'right';
  readonly style?: (row: Row) => Style | undefined;
}

export interface TableOptions {
  /** Columns that a line may take at most. */
  readonly width: number;
  readonly style?: (style: Style, text: string) => string;
}

const GAP = '  ';

/** A table as lines, none of which is wider than `width`: first narrow the least important columns, then leave them out. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: TableOptions,
): string[] {
  const cells = rows.map(row => columns.map(column => singleLine(column.cell(row))));
  const natural = columns.map((column, i) =>
    Math.max(textWidth(column.title), ...cells.map(line => textWidth(line[i]!))),
  );
  const widths = columnWidths(columns, natural, options.width);
  const shown = columns.map((_, i) => i).filter(i => widths[i]! > 0);
  const paint = options.style ?? ((_style, text) => text);

  const line = (texts: readonly string[], styleOf: (i: number) => Style | undefined) =>
    shown
      .map((i, position) => {
        const text = truncate(texts[i]!, widths[i]!);
        const last = position === shown.length - 1;
        const padded = last && columns[i]!.align !== 'right' ? text : pad(text, widths[i]!, columns[i]!.align);
        const style = styleOf(i);
        return style === undefined ? padded : paint(style, padded);
      })
      .join(GAP)
      .trimEnd();

  return [
    line(
      columns.map(c => c.title),
      () => 'dim',
    ),
    ...cells.map((texts, r) => line(texts, i => columns[i]!.style?.(rows[r]!))),
  ];
}

/** The width of each column, 0 for one that is left out; with the gaps between them they add up to `available` at most. */
function columnWidths<Row>(columns: readonly Column<Row>[], natural: readonly number[], available: number): number[] {
  const widths = [...natural];
  const total = () => {
    const shown = widths.filter(w => w > 0);
    return shown.reduce((sum, w) => sum + w, 0) + GAP.length * Math.max(0, shown.length - 1);
  };
  const leastImportantFirst = columns.map((_, i) => i).sort((a, b) => columns[a]!.priority - columns[b]!.priority);
  // A column that is too wide even at its narrowest goes before a more important one is cut.
  for (const i of leastImportantFirst) {
    const excess = total() - available;
    if (excess <= 0) break;
    const floor = Math.min(natural[i]!, columns[i]!.minWidth ?? natural[i]!);
    widths[i] =
      natural[i]! - excess >= floor || i === leastImportantFirst.at(-1) ? Math.max(floor, natural[i]! - excess) : 0;
  }
  const last = leastImportantFirst.at(-1);
  if (last !== undefined && total() > available) widths[last] = Math.max(0, Math.floor(available));
  return giveBack(widths, natural, leastImportantFirst, available - total());
}

/** Columns that were narrowed for nothing, since another one had to go after all, get their width back. */
function giveBack(widths: number[], natural: readonly number[], order: readonly number[], spare: number): number[] {
  let left = spare;
  for (const i of [...order].reverse()) {
    if (widths[i] === 0 || left <= 0) continue;
    const grow = Math.min(left, natural[i]! - widths[i]!);
    widths[i] = widths[i]! + grow;
    left -= grow;
  }
  return widths;
}
