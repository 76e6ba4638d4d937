export interface DotPlot {
  readonly title: string;
  readonly subtitle: string;
  /** A line that everything is compared with. */
  readonly reference?: { readonly value: number; readonly label: string };
  /** Where the axis begins; it ends a little beyond the largest value. */
  readonly from: number;
  readonly format: (value: number) => string;
  readonly groups: readonly { readonly label: string; readonly points: readonly Point[] }[];
}

export interface Point {
  readonly label: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Drawn in the colour of the subject; everything else is grey. */
  readonly own: boolean;
}

const WIDTH = 760;
const LABELS = 210;
const RIGHT = 90;
const ROW = 26;
const GROUP_GAP = 14;
const GROUP_HEAD = 22;
const TOP = 78;
const BOTTOM = 40;
const OWN = '#0b6bcb';
const OTHER = '#6b7280';
const FONT = 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"';

/** A dot for each median, a bar for its interval, the figure beside it. SVG as text; the same input, the same text. */
export function dotPlot(plot: DotPlot): string {
  const points = plot.groups.flatMap(group => group.points);
  const largest = Math.max(...points.map(point => point.high), plot.reference?.value ?? plot.from);
  const step = niceStep((largest - plot.from) / 5);
  const to = plot.from + Math.ceil(((largest - plot.from) * 1.02) / step) * step;
  const x = (value: number) => LABELS + ((value - plot.from) / (to - plot.from)) * (WIDTH - LABELS - RIGHT);
  const body: string[] = [];
  let y = TOP;
  for (const { label, points: inGroup } of plot.groups) {
    if (label !== '') {
      body.push(text(16, y + 15, label, { weight: 600, size: 13 }));
      y += GROUP_HEAD;
    }
    for (const point of inGroup) {
      body.push(...dot(point, { y: y + ROW / 2, x, format: plot.format }));
      y += ROW;
    }
    y += GROUP_GAP;
  }
  const bottom = y - GROUP_GAP + 6;
  const height = bottom + BOTTOM;
  const ticks: string[] = [];
  for (let i = 0; plot.from + i * step <= to + step / 1_000; i += 1) {
    const value = plot.from + i * step;
    ticks.push(line(x(value), TOP - 6, x(value), bottom, '#e5e7eb'));
    ticks.push(text(x(value), bottom + 18, plot.format(value), { anchor: 'middle', colour: OTHER, size: 11 }));
  }
  const reference = plot.reference
    ? [
        line(x(plot.reference.value), TOP - 10, x(plot.reference.value), bottom, '#111827', 1.2),
        text(x(plot.reference.value), TOP - 14, plot.reference.label, { anchor: 'middle', size: 11 }),
      ]
    : [];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" ${FONT}>`,
    `<title>${escaped(plot.title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" rx="8" fill="#ffffff"/>`,
    text(16, 28, plot.title, { weight: 600, size: 16 }),
    text(16, 47, plot.subtitle, { colour: OTHER, size: 12 }),
    ...ticks,
    ...reference,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

function dot(
  { label, median, low, high, own }: Point,
  at: { y: number; x: (value: number) => number; format: (value: number) => string },
): string[] {
  const { y, x, format } = at;
  const colour = own ? OWN : OTHER;
  const weight = own ? 600 : 400;
  return [
    text(LABELS - 12, y + 4, label, { anchor: 'end', weight, colour: own ? OWN : '#111827', size: 12.5 }),
    `<line x1="${round(x(low))}" y1="${y}" x2="${round(x(high))}" y2="${y}" stroke="${colour}" stroke-width="6" stroke-linecap="round" stroke-opacity="0.3"/>`,
    `<circle cx="${round(x(median))}" cy="${y}" r="5" fill="${colour}"/>`,
    text(x(Math.max(median, high)) + 12, y + 4, format(median), { weight, colour, size: 12 }),
  ];
}

function text(
  x: number,
  y: number,
  content: string,
  style: { anchor?: string; weight?: number; colour?: string; size: number },
): string {
  const { anchor = 'start', weight = 400, colour = '#111827', size } = style;
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="${colour}" stroke="#ffffff" stroke-width="3" paint-order="stroke">${escaped(content)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string, width = 1): string {
  return `<line x1="${round(x1)}" y1="${y1}" x2="${round(x2)}" y2="${y2}" stroke="${colour}" stroke-width="${width}"/>`;
}

/** 1, 2 or 5 times a power of ten, at least as large. */
export function niceStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  const factor = [1, 2, 5, 10].find(f => f * power >= atLeast * 0.999_999) ?? 10;
  return factor * power;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
